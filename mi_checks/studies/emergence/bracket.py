"""The checkpoints between which an event happened, as far as the prompts can tell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.stats.bootstrap import ALPHA, Floats, bootstrap_weights


@dataclass(frozen=True)
class Bracket:
    """The interval of checkpoints, by index in the series, within which an event happened.

    Attributes:
        after: the last checkpoint before the event; None if it may have happened before the first.
        by: the first checkpoint after the event.
    """

    after: int | None
    by: int


def rise(values: Floats) -> Bracket | None:
    """Return the checkpoints between which a mean first reaches half of its largest value.

    The threshold is halfway from zero, no preference, to the largest mean over the series: the point that the cards of
    the bundled models call 50 %. The bracket is the 95 % percentile bootstrap interval (Efron & Tibshirani 1993, ch.
    13) of the first checkpoint at the threshold. Each resample is taken over prompts, the same at every checkpoint. The
    bracket is extended to the checkpoint before, because nothing is known about the time between the two.

    Args:
        values: `checkpoint prompt`, the same prompts at every checkpoint.

    Returns:
        The bracket, or None if the mean is not significantly above zero at any checkpoint.
    """
    there = _there(values)
    first = np.where(there.any(1), there.argmax(1), len(values))
    low, high = _interval(first)
    return None if high == len(values) else Bracket(low - 1 if low else None, high)


def fall(values: Floats) -> Bracket | None:
    """Return the checkpoints between which a mean is last at half of its largest value; see `rise`.

    Returns:
        The bracket, or None if the mean is not significantly below half at the end.
    """
    there = _there(values)
    last = np.where(there.any(1), len(values) - 1 - there[:, ::-1].argmax(1), len(values) - 1)
    low, high = _interval(last)
    return None if high == len(values) - 1 else Bracket(low, high + 1)


def _there(values: Floats) -> npt.NDArray[np.bool_]:
    """Return whether a mean is at least half of the largest one, and that is above zero, `resample checkpoint`."""
    means = bootstrap_weights(values.shape[1]) @ values.T
    largest = means.max(1, keepdims=True)
    is_there: npt.NDArray[np.bool_] = (means >= largest / 2) & (largest > 0)
    return is_there


def _interval(places: npt.NDArray[np.int64]) -> tuple[int, int]:
    low, high = np.quantile(places, [ALPHA / 2, 1 - ALPHA / 2], method="inverted_cdf")
    return int(low), int(high)
