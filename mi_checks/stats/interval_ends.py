"""The ends of confidence intervals: the bounds that the tests of `mean_tests` do not reject."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri  # scipy.stats takes a second to import

from mi_checks.stats.cluster_variance import cluster_variance
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.mean_tests import Limits, mean_p_values
from mi_checks.stats.sampling import SamplingDesign

SECANT_STEPS, MAX_DOUBLINGS, MAX_PROBIT, PROBIT_TOLERANCE = 40, 12, 9.0, 3e-4
FIRST_STEP, NEXT_STEP, MIN_STEP = 2.1, 1.3, 0.05  # standard errors; see `lower_ends`


def mean_ends(values: Floats, design: SamplingDesign, limits: Limits | None = None) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of 95 % intervals of means, `estimate prompt` → `estimate`.

    Args:
        values: `estimate prompt`.
        design: how the prompts were drawn.
        limits: the smallest and the largest possible value; None for values without limits.
    """
    ones = np.ones(values.shape[1])
    if limits is None:
        return ratio_ends(values, ones, design)
    mean = values.mean(1)
    least, most = limits
    # As if one more observation lay at each limit: identical values have an error, too.
    error = np.sqrt(_variance(values, design) + ((mean - least) ** 2 + (most - mean) ** 2) / design.observations**2)
    low = lower_ends(lambda bounds: mean_p_values(values - bounds[:, None], design, least=least - bounds), mean, error)
    high = -lower_ends(
        lambda bounds: mean_p_values(-values - bounds[:, None], design, least=-most - bounds), -mean, error
    )
    return np.maximum(low, least), np.minimum(high, most)


def ratio_ends(parts: Floats, whole: Floats, design: SamplingDesign) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of 95 % intervals of ratios of means, `estimate prompt` → `estimate`.

    Args:
        parts: `estimate prompt`.
        whole: `prompt`; its mean must be significantly above zero, or ends may be infinite.
        design: how the prompts were drawn.
    """
    ratio = parts.mean(1) / whole.mean()
    error = np.sqrt(_variance((parts - ratio[:, None] * whole) / whole.mean(), design))

    def below(sign: float) -> Floats:
        return lower_ends(
            lambda bounds: mean_p_values(sign * parts - bounds[:, None] * whole, design), sign * ratio, error
        )

    return below(1.0), -below(-1.0)


def _variance(values: Floats, design: SamplingDesign) -> Floats:
    """Return the variance of means, `estimate prompt` → `estimate`."""
    values = design.without_strata(values)
    if design.clustering:
        return cluster_variance(values, design.cluster_rows).variance
    return np.asarray(values.var(1) / max(values.shape[1] - 1, 1))  # within limits, one value has an interval


def lower_ends(p_values_at: Callable[[Floats], Floats], estimates: Floats, errors: Floats) -> Floats:
    """Return the bounds at which p-values of H0 «estimand ≤ bound» equal the level, by a safeguarded secant method.

    The probits of the p-values are nearly linear in the bound.

    Args:
        p_values_at: maps bounds, `estimate`, to p-values, `estimate`.
        estimates: `estimate`.
        errors: standard errors, `estimate`, which only set the first steps.

    Returns:
        The ends, `estimate`; −∞ where no bound within 2¹² standard errors can be rejected.
    """

    def distance(bounds: Floats) -> Floats:
        probits: Floats = np.clip(ndtri(p_values_at(bounds)), -MAX_PROBIT, MAX_PROBIT)
        return probits - float(ndtri(ALPHA_PER_SIDE))

    # At the estimate itself the p-value is about one half.
    inner, inner_distance = estimates.copy(), np.full(len(estimates), -float(ndtri(ALPHA_PER_SIDE)))
    outer = estimates - FIRST_STEP * errors
    outer_distance = distance(outer)
    for doubling in range(MAX_DOUBLINGS):
        short = outer_distance > 0
        if not short.any():
            break
        inner, inner_distance = np.where(short, outer, inner), np.where(short, outer_distance, inner_distance)
        # A probit falls by about one with every standard error.
        reach = np.where(short, (NEXT_STEP * outer_distance + MIN_STEP) * 2.0**doubling * errors, 0.0)
        outer = outer - reach
        outer_distance = np.where(short, distance(outer), outer_distance)
    found = outer_distance <= 0
    end, is_near = outer, ~found  # no estimate may depend on which others are computed with it
    for _ in range(SECANT_STEPS):  # the Illinois variant of the method of false position
        span = inner_distance - outer_distance
        step = outer - outer_distance * (inner - outer) / np.where(span > 0, span, 1.0)
        end = np.where(is_near, end, step)
        end_distance = distance(end)
        is_near |= np.abs(end_distance) < PROBIT_TOLERANCE
        if is_near.all():
            break
        rejected = end_distance <= 0
        # The side that stays has its distance halved, so that it cannot stay for ever.
        inner_distance = np.where(rejected, inner_distance / 2, end_distance)
        outer_distance = np.where(rejected, end_distance, outer_distance / 2)
        outer, inner = np.where(rejected, end, outer), np.where(rejected, inner, end)
    return np.asarray(np.where(found, end, -np.inf))
