"""Between which two checkpoints something happened, as far as the prompts can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.stats.bootstrap import ALPHA, Floats, bootstrap_weights


@dataclass(frozen=True)
class Bracket:
    """It happened after one checkpoint and by another, both by their place in the series.

    Attributes:
        after: the last before it; None where it may have happened before the first.
        by: the first at which it had happened.
    """

    after: int | None
    by: int


def rise(values: Floats) -> Bracket | None:
    """Between which checkpoints a mean first reaches half of its largest.

    Half of the way from zero, no preference, to the largest mean over the series: the point that the cards of the
    bundled models call 50 %. The bracket is the 95 % percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13)
    of the first checkpoint there, each resample taken over prompts and so the same at every checkpoint; it reaches back
    to the checkpoint before, because nobody knows what happened between the two.

    Args:
        values: `checkpoint prompt`, the same prompts at every checkpoint.

    Returns:
        The bracket, or None where the mean is not surely above zero at any checkpoint.
    """
    there = _there(values)
    first = np.where(there.any(1), there.argmax(1), len(values))
    low, high = _interval(first)
    return None if high == len(values) else Bracket(low - 1 if low else None, high)


def fall(values: Floats) -> Bracket | None:
    """Between which checkpoints a mean is at half of its largest for the last time: as `rise`, from the other end.

    Returns:
        The bracket, or None where it is not surely below half at the end.
    """
    there = _there(values)
    last = np.where(there.any(1), len(values) - 1 - there[:, ::-1].argmax(1), len(values) - 1)
    low, high = _interval(last)
    return None if high == len(values) - 1 else Bracket(low, high + 1)


def _there(values: Floats) -> npt.NDArray[np.bool_]:
    """Whether a mean is at least half of the largest and that above zero, `resample checkpoint`."""
    means = bootstrap_weights(values.shape[1]) @ values.T
    largest = means.max(1, keepdims=True)
    found: npt.NDArray[np.bool_] = (means >= largest / 2) & (largest > 0)
    return found


def _interval(places: npt.NDArray[np.int64]) -> tuple[int, int]:
    low, high = np.quantile(places, [ALPHA / 2, 1 - ALPHA / 2], method="inverted_cdf")
    return int(low), int(high)
