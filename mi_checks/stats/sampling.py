"""How the prompts of a sample were drawn: which of them share rows of sampled factors, and which are of one stratum."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from mi_checks.prompts.factors import Factor
from mi_checks.stats.floor import Floats

Integers = npt.NDArray[np.int64]
MIN_STRATUM = 5  # prompts, by calibration: the deviations within smaller strata hide how skewed values are


class Clustered(TypedDict):
    """The fields of an `Estimate` that say how prompts are clustered."""

    clusters: int | None
    clustered_by: str


@dataclass(frozen=True)
class SamplingDesign:
    """How prompts were drawn.

    A sampled factor of which rows are drawn more than once clusters prompts: those that share a row are not
    independent, and the claim is about more rows. Several such factors are crossed. A fixed factor divides the prompts
    into strata: how much its rows differ is no uncertainty, because the claim is about exactly these rows.

    Attributes:
        n: the number of prompts.
        factors: the factors, each with the row of every prompt.
    """

    n: int
    factors: tuple[Factor, ...] = ()

    def select(self, prompts: slice) -> SamplingDesign:
        """Return the design of some of the prompts."""
        return SamplingDesign(len(range(self.n)[prompts]), tuple(each.select(prompts) for each in self.factors))

    def where(self, chosen: npt.NDArray[np.bool_]) -> SamplingDesign:
        """Return the design of the chosen prompts, `prompt`."""
        places = np.flatnonzero(chosen).tolist()
        return SamplingDesign(len(places), tuple(each.at(places) for each in self.factors))

    @cached_property
    def clustering(self) -> tuple[Factor, ...]:
        """Return the sampled factors that cluster prompts, those with the fewest rows first.

        A factor whose rows are all different does not. A factor that is constant within the rows of another (the
        language of a noun) makes the other one superfluous.
        """
        found: list[Factor] = []
        for each in sorted((f for f in self.factors if f.sampled), key=lambda f: f.size):
            if 1 < each.size < self.n and not any(_is_nested(each, coarser) for coarser in found):
                found.append(each)
        return tuple(found)

    @cached_property
    def cluster_rows(self) -> tuple[Integers, ...]:
        """Return the rows of each clustering factor, `prompt`, numbered without gaps."""
        return tuple(np.array(each.rows, dtype=np.int64) for each in self.clustering)

    @property
    def fixed(self) -> tuple[Factor, ...]:
        """Return the fixed factors with more than one row."""
        return tuple(each for each in self.factors if not each.sampled and each.size > 1)

    @cached_property
    def strata(self) -> Integers | None:
        """Return the stratum of each prompt, `prompt`; None if there is no fixed factor.

        Several fixed factors are crossed as long as every cell has two prompts or more.
        """
        strata: Integers | None = None
        for each in self.fixed:
            rows = np.array(each.rows, dtype=np.int64)
            crossed = rows if strata is None else joint_rows([strata, rows])
            if np.bincount(crossed).min() >= MIN_STRATUM:
                strata = crossed
        return strata

    @property
    def clusters(self) -> int | None:
        """Return the number of rows of the clustering factor that has the fewest; None if prompts are independent."""
        return self.clustering[0].size if self.clustering else None

    @property
    def clustered(self) -> Clustered:
        """Return what an estimate records of the clusters, by its fields."""
        return {"clusters": self.clusters, "clustered_by": self.clustering[0].name if self.clustering else ""}

    @property
    def observations(self) -> int:
        """Return how many independent observations there are at most: rows of the smallest factor, or prompts."""
        return self.n if self.clusters is None else self.clusters

    @cached_property
    def digest(self) -> bytes:
        """Return a digest of what intervals depend on."""
        digest = hashlib.blake2b(str(self.n).encode(), digest_size=16)
        for rows in (*self.cluster_rows, *(() if self.strata is None else (self.strata,))):
            digest.update(np.ascontiguousarray(rows).data)
            digest.update(b"|")
        digest.update(b"strata" if self.strata is not None else b"")
        return digest.digest()

    def without_strata(self, values: Floats) -> Floats:
        """Return values, `… prompt`, with the same mean, that vary only as much as they do within strata."""
        if self.strata is None:
            return values
        sizes = np.bincount(self.strata)
        belongs = (self.strata[:, None] == np.arange(len(sizes))).astype(float)
        means = values @ (belongs / sizes)
        # Residuals are smaller than deviations from the true mean of the stratum by √(1 − 1 / size).
        factor = np.sqrt(sizes / (sizes - 1))
        return np.asarray(values.mean(-1, keepdims=True) + (values - means[..., self.strata]) * factor[self.strata])


def independent(n: int) -> SamplingDesign:
    """Return the design of prompts that share nothing."""
    return SamplingDesign(n)


def joint_rows(factors: Sequence[Integers]) -> Integers:
    """Return the cells of several factors, `prompt`: prompts of one cell share their rows of all of them."""
    return np.asarray(np.unique(np.stack(factors), axis=1, return_inverse=True)[1].reshape(-1), dtype=np.int64)


def _is_nested(fine: Factor, coarse: Factor) -> bool:
    return len(set(zip(fine.rows, coarse.rows, strict=True))) == fine.size
