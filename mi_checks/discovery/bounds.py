"""How far below what was measured a draft's bound lies."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import stats

from mi_checks.checks.measurements import Sweep
from mi_checks.record import Estimate
from mi_checks.stats import ALPHA

Bools = npt.NDArray[np.bool_]
MARGIN = 3.0  # standard errors of the difference between two batches
WITHIN = float(stats.norm.isf(ALPHA / 2))  # of a 95 % interval, in standard errors to either side
RULE = (
    "a bound lies three standard errors (of the difference between two such batches of prompts) beyond the end that "
    "the checks' own interval is expected to have"
)


def at_least(estimate: Estimate, pairs: int) -> float:
    """The bound from below for a check on so many other pairs."""
    return _floor(estimate.value - _reach(estimate.value - estimate.low, estimate.n, pairs))


def at_most(estimate: Estimate, pairs: int) -> float:
    """The bound from above for a check on so many other pairs."""
    return -_floor(-estimate.value - _reach(estimate.high - estimate.value, estimate.n, pairs))


def clear(sweep: Sweep, above: float, pairs: int) -> tuple[Bools, Bools]:
    """Whether each node is so far above, and so far below a threshold that a check on so many other pairs, corrected
    over all nodes of the sweep, will say the same; `node` each.

    Its t is expected to be √(pairs / n) times that of the n pairs measured, with a standard deviation of
    √(1 + pairs / n).
    """
    n = sweep.recovered.shape[1]
    excess = sweep.recovered - above * sweep.gap
    error = np.maximum(excess.std(1, ddof=1) / math.sqrt(n), 1e-12)
    expected = excess.mean(1) / error * math.sqrt(pairs / n)
    needed = float(stats.t.isf(ALPHA / 2 / len(excess), min(n, pairs) - 1)) + MARGIN * math.sqrt(1 + pairs / n)
    return expected >= needed, expected <= -needed


def _reach(half: float, n: int, pairs: int) -> float:
    """From the value measured on n pairs to the bound for a check on others."""
    error = half / WITHIN
    own = error * math.sqrt(n / pairs)  # of the check's estimate
    return WITHIN * own + MARGIN * math.hypot(error, own)


def _floor(value: float) -> float:
    """Rounded down to two digits after the point, of larger values to one."""
    digits = 10 if abs(value) >= 1 else 100
    return math.floor(value * digits + 1e-9) / digits
