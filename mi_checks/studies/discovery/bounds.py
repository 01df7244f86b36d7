"""How far from the measured value a draft's bounds lie."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from mi_checks.checks.measurements import Sweep
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import Estimate

Bools = npt.NDArray[np.bool_]
MARGIN = 3.0  # standard errors of the difference between two batches
WITHIN = float(stats.norm.isf(ALPHA / 2))  # of a 95 % interval, in standard errors to either side
ROUNDING = 1e-5  # of a value, or of 1 if that is larger: what another engine or machine may change
RULE = (
    "a bound lies three standard errors (of the difference between two such batches of prompts) beyond the end that "
    "the checks' own interval is expected to have"
)


def at_least(estimate: Estimate, pairs: int) -> float:
    """Return the bound from below for a check on so many other pairs.

    It lies below the lower end of the interval by more than rounding, however narrow the interval is.
    """
    return _lower(estimate.value, estimate.low, estimate.n, pairs)


def at_most(estimate: Estimate, pairs: int) -> float:
    """Return the bound from above for a check on so many other pairs; see `at_least`."""
    return 0.0 - _lower(-estimate.value, -estimate.high, estimate.n, pairs)  # 0.0 - 0.0 is no negative zero


def stays_above_zero(estimate: Estimate, pairs: int) -> bool:
    """Return whether the interval of a check on so many pairs is expected to lie above zero, by the same margin."""
    return _unrounded(estimate.value, estimate.low, estimate.n, pairs) > 0


def clear(sweep: Sweep, above: float, pairs: int) -> tuple[Bools, Bools]:
    """Return whether each node is so far above, and so far below a threshold that a check on so many other pairs,
    corrected over all nodes of the sweep, will say the same; `node` each.

    Its t is expected to be √(pairs / n) times that of the n pairs measured, with a standard deviation of
    √(1 + pairs / n).
    """
    n = sweep.recovered.shape[1]
    excess = sweep.recovered - above * sweep.gap
    error = np.maximum(excess.std(1, ddof=1) / math.sqrt(n), ROUNDING * abs(float(sweep.gap.mean())))
    expected = excess.mean(1) / error * math.sqrt(pairs / n)
    needed = float(stats.t.isf(ALPHA / 2 / len(excess), min(n, pairs) - 1)) + MARGIN * math.sqrt(1 + pairs / n)
    return expected >= needed, expected <= -needed


def _lower(value: float, low: float, n: int, pairs: int) -> float:
    """Return the bound below a value measured on n pairs, for a check on others."""
    limit = _unrounded(value, low, n, pairs)
    return _rounded_down(limit - ROUNDING * max(1.0, abs(limit)))


def _unrounded(value: float, low: float, n: int, pairs: int) -> float:
    error = (value - low) / WITHIN
    own = error * math.sqrt(n / pairs)  # of the check's estimate
    return min(low, value - WITHIN * own - MARGIN * math.hypot(error, own))


def _rounded_down(value: float) -> float:
    """Round down to two digits after the point, and larger values to one."""
    digits = 10 if abs(value) >= 1 else 100
    return math.floor(value * digits) / digits
