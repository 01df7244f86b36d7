"""Tests over prompts and the correction for many of them."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri, stdtr  # scipy.stats takes a second to import

from mi_checks.stats.bootstrap import ALPHA, Floats
from mi_checks.stats.estimate import Estimate


def ratio_p_values(parts: Floats, whole: Floats, bound: float) -> tuple[Floats, Floats]:
    """Return one-sided p-values that a ratio of means is above, and that it is below, a bound.

    By Fieller's device: mean(part − bound · whole) against zero, a one-sample t-test on n − 1 degrees of freedom.

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
    """Two-sided p-value of H0 «the mean is zero», a one-sample t-test; of paired differences, the paired t-test.

    Args:
        values: `prompt`.
    """
    return mean_beyond_p_value(values, 0.0)


def mean_beyond_p_value(values: Floats, least: float) -> float:
    """p-value of H0 «the mean is within ± least», a t-test against the nearer end; two-sided, so twice its tail.

    Args:
        values: `prompt`; at least two.
        least: the smallest mean that matters, at least zero.
    """
    beyond = abs(float(values.mean())) - least
    if beyond <= 0:
        return 1.0
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error <= 1e-12 * beyond:  # every prompt has the same value
        return 0.0
    return min(1.0, float(2 * stdtr(len(values) - 1, -beyond / error)))


def independent_difference(before: Estimate, after: Estimate) -> tuple[Estimate, float]:
    """Return after − before and its p-value, from two intervals as if independent and normal.

    On the same prompts that is cautious; where values per prompt are kept, a paired test is sharper.
    """
    z = -float(ndtri(ALPHA / 2))
    error = math.hypot(before.high - before.low, after.high - after.low) / (2 * z)
    change = after.value - before.value
    p_value = (0.0 if change else 1.0) if error == 0 else float(2 * ndtr(-abs(change) / error))
    n = min(before.n, after.n)
    return Estimate(change, change - z * error, change + z * error, n, after.unit, "of two intervals"), p_value


def prompts_to_tell(p_value: float, n: int, comparisons: int) -> int | None:
    """About how many prompts would make a difference significant among so many comparisons, if it stays what it is.

    The distance from zero in standard errors grows with √n, and Holm's first step asks for `ALPHA / comparisons`. None
    when the mean is within a twentieth of a standard error of zero: no number helps.
    """
    distance = -float(ndtri(p_value / 2))
    if distance < 0.05:
        return None
    return math.ceil(1.1 * n * (-float(ndtri(ALPHA / comparisons / 2)) / distance) ** 2)


def holm(p_values: Floats) -> Floats:
    """Holm's step-down adjusted p-values (Holm 1979), which control the family-wise error rate under any dependence."""
    order = np.argsort(p_values)
    m = len(p_values)
    stepped = np.maximum.accumulate((m - np.arange(m)) * p_values[order])
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
