"""The distance between a measured value and the bounds that a draft derives from it."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from mi_checks.checks.measurements import Sweep
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import Estimate

Bools = npt.NDArray[np.bool_]
MARGIN_SE = 3.0  # standard errors of the difference between two batches
CI_HALF_WIDTH_SE = float(stats.norm.isf(ALPHA / 2))  # half the width of a 95 % interval, in standard errors
# relative to a value, or to 1 if that is larger: the possible difference on another engine or machine
MAX_ROUNDING = 1e-5
RULE = (
    "a bound lies three standard errors (of the difference between two such batches of prompts) beyond the end that "
    "the checks' own interval is expected to have"
)


def at_least(estimate: Estimate, pairs: int) -> float:
    """Return the lower bound for a check on another batch of `pairs` prompt pairs.

    It lies below the lower end of the interval by more than rounding, however narrow the interval is.
    """
    return _lower(estimate.value, estimate.low, estimate.n, pairs)


def at_most(estimate: Estimate, pairs: int) -> float:
    """Return the upper bound for a check on another batch of `pairs` prompt pairs; see `at_least`."""
    return 0.0 - _lower(-estimate.value, -estimate.high, estimate.n, pairs)  # 0.0 - 0.0 is not a negative zero


def stays_above_zero(estimate: Estimate, pairs: int) -> bool:
    """Return whether the interval of a check on `pairs` prompt pairs is expected above zero, by the same margin."""
    return _unrounded(estimate.value, estimate.low, estimate.n, pairs) > 0


def clear(sweep: Sweep, above: float, pairs: int) -> tuple[Bools, Bools]:
    """Return which nodes are expected to be significantly above, and which below, a threshold, `node` each.

    The expectation is for a check on another batch of `pairs` prompt pairs, corrected over all nodes of the sweep. Its
    t is expected to be √(pairs / n) times that of the n measured pairs, with a standard deviation of √(1 + pairs / n).
    """
    n = sweep.recovered.shape[1]
    excess = sweep.recovered - above * sweep.effect_size
    error = np.maximum(excess.std(1, ddof=1) / math.sqrt(n), MAX_ROUNDING * abs(float(sweep.effect_size.mean())))
    expected = excess.mean(1) / error * math.sqrt(pairs / n)
    needed = float(stats.t.isf(ALPHA / 2 / len(excess), min(n, pairs) - 1)) + MARGIN_SE * math.sqrt(1 + pairs / n)
    return expected >= needed, expected <= -needed


def _lower(value: float, low: float, n: int, pairs: int) -> float:
    """Return the lower bound for a check on other prompts, from a value measured on n pairs."""
    limit = _unrounded(value, low, n, pairs)
    return _rounded_down(limit - MAX_ROUNDING * max(1.0, abs(limit)))


def _unrounded(value: float, low: float, n: int, pairs: int) -> float:
    error = (value - low) / CI_HALF_WIDTH_SE
    own = error * math.sqrt(n / pairs)  # the standard error of the check's estimate
    return min(low, value - CI_HALF_WIDTH_SE * own - MARGIN_SE * math.hypot(error, own))


def _rounded_down(value: float) -> float:
    """Round down to two decimals, and values of 1 or more to one decimal."""
    digits = 10 if abs(value) >= 1 else 100
    return math.floor(value * digits) / digits
