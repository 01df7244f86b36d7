"""What a sample is over, in words, and the row of each fixed factor on which a claim fares worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.output.numbers import count, number
from mi_checks.prompts.factors import QUOTE_FACTOR, Factor
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.sampling import SamplingDesign, joint_rows


def unit_text(design: SamplingDesign) -> str:
    """Return what a sample is over, such as `over 77 values of trigram × contexts, across 3 fixed values of bracket`.

    Named are the sampled factors whose rows prompts share, because a claim is about more of these rows, and the fixed
    ones, because it is about exactly these. Prompts that share no rows are named themselves: `over 256 prompts`.
    """
    fixed = " and ".join(_values(each, "fixed ") for each in design.fixed)
    return ", across ".join(filter(None, (f"over {_sampled(design)}", fixed)))


def sample_text(estimate: Estimate, design: SamplingDesign | None) -> str:
    """Return what an estimate is over, with the number of prompts if that is not what it is over.

    Args:
        estimate: the estimate.
        design: how the prompts were drawn; None if that is not known, as of a run of an older version.
    """
    n = count(estimate.n, estimate.over.removesuffix("s"))
    if estimate.over == "prompts" and design is not None and design.n == estimate.n:
        unit = unit_text(design)
    elif estimate.clusters is not None:
        unit = f"over {count(estimate.clusters, 'value')} of {estimate.clustered_by}"
    else:
        unit = f"over {n}"
    return f"{unit}; {n}" if estimate.clusters is not None else unit


@dataclass(frozen=True)
class WorstRow:
    """The row of a fixed factor whose mean lies farthest on the wrong side.

    Attributes:
        factor: the factor.
        row: the row.
        mean: the mean over the prompts that took the row.
    """

    factor: Factor
    row: int
    mean: float

    @property
    def text(self) -> str:
        """Return text such as `worst value of bracket: '[' 0.12 (of 3)`."""
        factor = self.factor
        return f"worst value of {factor.name}: {factor.label(self.row)} {number(self.mean)} (of {factor.size})"


def worst_rows(values: Sequence[float], design: SamplingDesign, *, high_is_worse: bool = False) -> tuple[WorstRow, ...]:
    """Return the worst row of each fixed factor; empty if the values are not those of the prompts.

    Args:
        values: `prompt`.
        design: how the prompts were drawn.
        high_is_worse: whether a claim bounds the values from above only.
    """
    return tuple(_worst_rows(values, design, high_is_worse)) if len(values) == design.n else ()


def _worst_rows(values: Sequence[float], design: SamplingDesign, high_is_worse: bool) -> Iterator[WorstRow]:
    for each in design.fixed:
        rows = np.array(each.rows)
        means = np.bincount(rows, weights=np.asarray(values, dtype=float)) / np.bincount(rows)
        row = int(means.argmax() if high_is_worse else means.argmin())
        yield WorstRow(each, row, float(means[row]))


def _sampled(design: SamplingDesign) -> str:
    if not design.clustering:
        is_quoted = any(each.name == QUOTE_FACTOR and each.size == design.n for each in design.factors)
        return count(design.n, "quote" if is_quoted else "prompt")
    factors = [*design.clustering, *design.fixed]
    cells = len(set(joint_rows([np.array(each.rows, dtype=np.int64) for each in factors]).tolist()))
    return " × ".join([*map(_values, design.clustering), *(["contexts"] if cells < design.n else [])])


def _values(factor: Factor, kind: str = "") -> str:
    return f"{count(factor.size, f'{kind}value')} of {factor.name}"
