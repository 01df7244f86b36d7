"""Tests over prompts, and the correction for multiple tests."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtr  # scipy.stats takes a second to import

from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats


def ratio_p_values(parts: Floats, whole: Floats, bound: float) -> tuple[Floats, Floats]:
    """Return one-sided p-values for a ratio of means being above, and being below, a bound.

    Following Fieller, mean(part − bound · whole) is compared with zero by a one-sample t-test with n − 1 degrees of
    freedom.

    Args:
        parts: `node prompt`.
        whole: `prompt`; its mean must be positive.
        bound: the ratio of the null hypotheses.

    Returns:
        p-values of H0 «ratio ≤ bound» and of H0 «ratio ≥ bound», each `node`.
    """
    excess = parts - bound * whole
    mean = excess.mean(1)
    error = excess.std(1, ddof=1) / math.sqrt(excess.shape[1])
    # A node with no variance at all (an effect of exactly zero, say) is certain, not undefined.
    certain = np.where(mean > 0, np.inf, np.where(mean < 0, -np.inf, 0.0))
    t = np.where(error > 0, mean / np.where(error > 0, error, 1), certain)
    freedom = excess.shape[1] - 1
    return stdtr(freedom, -t), stdtr(freedom, t)


def mean_p_value(values: Floats) -> float:
    """Return the two-sided p-value of H0 «the mean is zero», a one-sample t-test; for differences, the paired t-test.

    Args:
        values: `prompt`.
    """
    return mean_beyond_p_value(values, 0.0)


def mean_beyond_p_value(values: Floats, margin: float) -> float:
    """Return the two-sided p-value of H0 «the mean is within ± margin», a t-test against the nearer end.

    Args:
        values: `prompt`; at least two.
        margin: the largest absolute mean that does not matter; zero or more.
    """
    beyond = abs(float(values.mean())) - margin
    if beyond <= 0:
        return 1.0
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error <= 1e-12 * beyond:  # every prompt has the same value
        return 0.0
    return min(1.0, float(2 * stdtr(len(values) - 1, -beyond / error)))


def independent_difference(before: Estimate, after: Estimate, margin: float = 0.0) -> tuple[Estimate, float]:
    """Return after − before and the p-value of H0 «it is within ± margin», treating the two as independent and normal.

    For the same prompts this is conservative; a paired test is more powerful if values per prompt are available.

    Args:
        before: the earlier estimate.
        after: the later one.
        margin: the largest absolute difference that does not matter; zero or more.
    """
    z = -float(ndtri(ALPHA / 2))
    error = math.hypot(before.high - before.low, after.high - after.low) / (2 * z)
    change = after.value - before.value
    n = min(before.n, after.n)
    estimate = Estimate(change, change - z * error, change + z * error, n, after.unit, "of two intervals")
    beyond = abs(change) - margin
    if beyond <= 0:
        return estimate, 1.0
    return estimate, 0.0 if error == 0 else float(2 * ndtr(-beyond / error))


def prompts_for_significance(p_value: float, n: int, comparisons: int) -> int | None:
    """Return about how many prompts would make a difference of this size significant among several.

    The distance from zero in standard errors grows with √n, and the first step of Holm's method requires
    `ALPHA / comparisons`. None if the mean is within a twentieth of a standard error of zero: no number is enough.
    """
    distance = -float(ndtri(p_value / 2))
    if distance < 0.05:
        return None
    return math.ceil(1.1 * n * (-float(ndtri(ALPHA / comparisons / 2)) / distance) ** 2)


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted by Holm's step-down method (Holm 1979).

    They control the family-wise error rate under any dependence between the tests. Each caller corrects its own family:
    the nodes of a `mediators` check (`checks.mediators`), the nodes or edges of a `minimal` claim (`checks.minimality`,
    `checks.edge_circuit`), the changes of one comparison (`compare.paired_change`), the nodes that a failure message or
    a discovery tests (`suite.failure_message`, `studies.discovery.node_effects`), and the checkpoints of an emergence
    table (`studies.emergence.appearance`).
    """
    order = np.argsort(p_values)
    m = len(p_values)
    stepped = np.maximum.accumulate((m - np.arange(m)) * p_values[order])
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
