"""The variance of means over prompts that share rows of sampled factors, and the observations that carry it.

A claim about more nouns than the file holds has nouns, not prompts, as its observations. Everything here is linear in
the values, so that ratios are tested as means of part − bound · whole.

Sources: Cameron, Gelbach & Miller 2011, JBES 29 (several factors); MacKinnon, Nielsen & Webb 2021, JBES 39 (its
repair); Bell & McCaffrey 2002, Survey Methodology 28, and Imbens & Kolesár 2016, REStat 98 (few clusters); Korn &
Graubard 1998, Survey Methodology 24 (effective number of observations).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations

import numpy as np

from mi_checks.stats.floor import Floats
from mi_checks.stats.sampling import Integers, joint_rows


def cluster_values(values: Floats, rows: Integers) -> Floats:
    """Return the values of clusters, `… prompt` → `… cluster`, whose mean is the mean over prompts.

    A cluster's value is the mean over prompts plus its total deviation from it over the average size of clusters. With
    equal sizes this is the mean of the cluster.
    """
    mean = values.mean(-1, keepdims=True)
    clusters = _clusters(rows.tobytes())
    return np.asarray(mean + clusters.totals(values - mean) * (len(clusters.sizes) / len(rows)))


@dataclass(frozen=True, eq=False)
class _Clusters:
    """The clusters of one factor, in a form in which sums over their prompts are fast.

    Attributes:
        order: the prompts, cluster by cluster.
        starts: where each cluster begins in that order, `cluster`.
        sizes: the number of prompts of each, `cluster`.
    """

    order: Integers
    starts: Integers
    sizes: Floats

    def totals(self, values: Floats) -> Floats:
        """Return the sums over the prompts of each cluster, `… prompt` → `… cluster`."""
        return np.asarray(np.add.reduceat(values[..., self.order], self.starts, axis=-1))

    @cached_property
    def freedom(self) -> float:
        """Return the degrees of freedom of the CR2 variance of a mean: see `bell_mccaffrey`."""
        n, number = float(self.sizes.sum()), len(self.sizes)
        # Totals are the linear map T of the clusters' own totals: T = 1 − (sizes / n) 1'.
        contrast = np.eye(number) - self.sizes[:, None] / n
        contrast /= np.sqrt(1 - self.sizes / n)[:, None]
        freedoms = []
        for covariance in (self.sizes, self.sizes**2):
            matrix = (contrast * covariance) @ contrast.T
            freedoms.append(float(np.trace(matrix) ** 2 / (matrix**2).sum()))
        return min(freedoms)


@lru_cache(maxsize=1024)
def _clusters(rows: bytes) -> _Clusters:
    """Return the clusters of a factor's rows, `prompt`, as bytes."""
    numbers = np.frombuffer(rows, dtype=np.int64)
    sizes = np.bincount(numbers)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    return _Clusters(np.argsort(numbers, kind="stable"), starts, sizes.astype(float))


@dataclass(frozen=True, eq=False)
class ClusterVariance:
    """The variance of means over clustered prompts, and the observations that carry it.

    Attributes:
        variance: `test`.
        freedom: the degrees of freedom of Student's t.
        observations: `test cluster`, the clusters of all factors, one factor after the other. Their mean is the mean
            over prompts, and the variance of their mean, as of independent observations, is the variance. For this, the
            deviations of a factor with G of all n clusters are multiplied by n / G, so that the factors' variances add
            up, and all by the root of the variance over that sum: each factor's variance counts the prompts' own anew.
        effective: the number of clusters of a factor, `test`: the harmonic mean, weighted with the variances.
        fewest: the number of clusters of the smallest factor.
    """

    variance: Floats
    freedom: float
    observations: Floats
    effective: Floats
    fewest: int


def cluster_variance(values: Floats, factors: Sequence[Integers]) -> ClusterVariance:
    """Return the variance of means over prompts with one or more clustering factors.

    Args:
        values: `test prompt`.
        factors: the rows of each factor, `prompt`.
    """
    numbers = np.array([int(rows.max()) + 1 for rows in factors])
    clusters = [cluster_values(values, rows) for rows in factors]
    single = np.stack([each.var(1, ddof=1) / each.shape[1] for each in clusters])
    if len(factors) == 1:
        variance, freedom = bell_mccaffrey(values, factors[0])
    else:
        variance = multiway_variance(values, factors, single)
        freedom = min(_clusters(rows.tobytes()).freedom for rows in factors)
    total = single.sum(0)
    varies = total > 0
    shrink = np.sqrt(np.where(varies, variance / np.where(varies, total, 1.0), 1.0))[:, None]
    mean = values.mean(1, keepdims=True)
    scaled = [mean + (each - mean) * shrink * (numbers.sum() / each.shape[1]) for each in clusters]
    effective = np.where(varies, total / np.where(varies, (single / numbers[:, None]).sum(0), 1.0), numbers.min())
    return ClusterVariance(variance, freedom, np.concatenate(scaled, axis=1), effective, int(numbers.min()))


def one_way_variance(values: Floats, rows: Integers) -> Floats:
    """Return the cluster-robust variance of the mean, `test prompt` → `test`, with the factor G / (G − 1) (CR1)."""
    clusters = cluster_values(values, rows)
    return np.asarray(clusters.var(1, ddof=1) / clusters.shape[1])


def bell_mccaffrey(values: Floats, rows: Integers) -> tuple[Floats, float]:
    """Return the CR2 variance of the mean, `test`, and its degrees of freedom (Bell & McCaffrey 2002).

    The residuals of a cluster of size m are divided by √(1 − m / n). The degrees of freedom are Satterthwaite's,
    (tr B)² / tr B², for B the covariance of the adjusted cluster totals; the smaller of those under independent prompts
    and under clusters whose prompts are all alike. With equal sizes both are G − 1, and the variance is CR1's.

    Args:
        values: `test prompt`.
        rows: `prompt`.
    """
    clusters = _clusters(rows.tobytes())
    totals = clusters.totals(values - values.mean(1, keepdims=True))
    adjusted = totals / np.sqrt(1 - clusters.sizes / len(rows)) / len(rows)
    return np.asarray((adjusted**2).sum(1)), clusters.freedom


def multiway_variance(values: Floats, factors: Sequence[Integers], single: Floats | None = None) -> Floats:
    """Return the multiway cluster-robust variance of the mean, `test` (Cameron, Gelbach & Miller 2011).

    This is the sum over the factors, less that over their pairwise cells, and so on. It can be negative; the repair is
    to take at least the largest variance of a single factor (MacKinnon, Nielsen & Webb 2021).

    Args:
        values: `test prompt`.
        factors: the rows of each factor, `prompt`.
        single: the `one_way_variance` of each factor, `factor test`; None to compute them.
    """
    if single is None:
        single = np.stack([one_way_variance(values, rows) for rows in factors])
    total = single.sum(0)
    for coefficient, rows in _signed_cells(tuple(rows.tobytes() for rows in factors)):
        total += coefficient * (
            values.var(1, ddof=1) / values.shape[1] if rows is None else one_way_variance(values, rows)
        )
    return np.asarray(np.maximum(total, single.max(0)))


@lru_cache(maxsize=256)
def _signed_cells(factors: tuple[bytes, ...]) -> tuple[tuple[int, Integers | None], ...]:
    """Return the cells of two factors or more with their coefficients; None for cells of one prompt each.

    They are the same for every value of a bound, and most combinations of more than two factors have one prompt each.

    Args:
        factors: the rows of each factor, `prompt`, as bytes.
    """
    rows = [np.frombuffer(each, dtype=np.int64) for each in factors]
    found: list[tuple[int, Integers | None]] = []
    of_prompts = 0
    for size in range(2, len(rows) + 1):
        for some in combinations(rows, size):
            cells, sign = joint_rows(some), (-1) ** (size + 1)
            if int(cells.max()) + 1 == len(cells):
                of_prompts += sign
            else:
                found.append((sign, cells))
    return (*found, (of_prompts, None)) if of_prompts else tuple(found)
