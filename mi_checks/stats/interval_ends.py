"""The ends of confidence intervals: the bounds that the tests of `mean_tests` do not reject."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to import

from mi_checks.stats.cluster_variance import cluster_variance
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.mean_tests import Limits, mean_p_values, p_values_within_strata
from mi_checks.stats.sampling import Integers, SamplingDesign

SECANT_STEPS, BISECTIONS, MAX_DOUBLINGS, MAX_PROBIT, PROBIT_TOLERANCE = 8, 32, 12, 9.0, 3e-4
FIRST_STEP, NEXT_STEP, MIN_STEP, MIN_WIDTH = 2.1, 1.3, 0.05, 1e-6  # standard errors; see `lower_ends`


def mean_ends(values: Floats, design: SamplingDesign, limits: Limits | None = None) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of 95 % intervals of means, `estimate prompt` → `estimate`.

    Args:
        values: `estimate prompt`.
        design: how the prompts were drawn.
        limits: the smallest and the largest possible value; None for values without limits.
    """
    if limits is None:
        return ratio_ends(values, np.ones(values.shape[1]), design)
    mean = values.mean(1)
    least, most = limits
    variance, _ = _variance(design.without_strata(values), design)
    # As if one more observation lay at each limit: identical values have an error, too.
    error = np.sqrt(variance + ((mean - least) ** 2 + (most - mean) ** 2) / design.observations**2)
    signed = np.concatenate([values, -values])
    limit = np.repeat([least, -most], len(values))
    ends = lower_ends(
        lambda bounds, rows: mean_p_values(signed[rows] - bounds[:, None], design, least=limit[rows] - bounds),
        np.concatenate([mean, -mean]),
        np.concatenate([error, error]),
    )
    low, high = np.split(ends, 2)
    return np.maximum(low, least), np.minimum(-high, most)


def ratio_ends(parts: Floats, whole: Floats, design: SamplingDesign) -> tuple[Floats, Floats]:
    """Return the lower and the upper ends of 95 % intervals of ratios of means, `estimate prompt` → `estimate`.

    Args:
        parts: `estimate prompt`.
        whole: `prompt`; its mean must be significantly above zero, or ends may be infinite.
        design: how the prompts were drawn.
    """
    parts, whole = design.without_strata(parts), design.without_strata(whole)
    ratio = parts.mean(1) / whole.mean()
    residuals = parts - ratio[:, None] * whole
    error, guesses = _students_ends(residuals, whole, design)
    signed = np.concatenate([residuals, -residuals])
    ends = lower_ends(
        lambda bounds, rows: p_values_within_strata(signed[rows] - bounds[:, None] * whole, design),
        np.zeros(len(signed)),
        np.concatenate([error, error]),
        guesses,
    )
    low, high = np.split(ends, 2)
    return ratio + low, ratio - high


def _students_ends(residuals: Floats, whole: Floats, design: SamplingDesign) -> tuple[Floats, Floats]:
    """Return standard errors of ratios, `estimate`, and where Student's t-test alone would have the lower ends.

    These are relative to the ratios, first of the residuals and then of their negatives. Fieller's quadratic equation
    gives them; where it has no solution, a few standard errors do.

    Args:
        residuals: part − ratio · whole, `estimate prompt`, without the differences between strata.
        whole: `prompt`, without the differences between strata.
        design: how the prompts were drawn.
    """
    number, mean = len(residuals), float(whole.mean())
    every, freedom = _variance(np.concatenate([residuals, residuals + whole, whole[None]]), design)
    own, of_whole = every[:number], every[-1]
    covariance = (every[number:-1] - own - of_whole) / 2
    error = np.sqrt(own) / abs(mean)
    square = float(stdtrit(freedom, ALPHA_PER_SIDE)) ** 2
    leading = mean * mean - square * of_whole
    middle = square * np.concatenate([covariance, -covariance])
    if leading <= 0:
        return error, -FIRST_STEP * np.concatenate([error, error])
    root = np.sqrt(middle * middle + leading * square * np.concatenate([own, own]))
    return error, -(middle + root) / leading


def _variance(values: Floats, design: SamplingDesign) -> tuple[Floats, float]:
    """Return the variance of means, `estimate prompt` → `estimate`, and its degrees of freedom.

    Args:
        values: `estimate prompt`, without the differences between strata.
        design: how the prompts were drawn.
    """
    if design.clustering:
        spread = cluster_variance(values, design.cluster_rows)
        return spread.variance, spread.freedom
    freedom = max(values.shape[1] - 1, 1)  # within limits, one value has an interval
    return np.asarray(values.var(1) / freedom), freedom


def lower_ends(
    p_values_at: Callable[[Floats, Integers], Floats], estimates: Floats, errors: Floats, guesses: Floats | None = None
) -> Floats:
    """Return the bounds at which p-values of H0 «estimand ≤ bound» equal the level, by a safeguarded secant method.

    The probits of the p-values are nearly linear in the bound. No end depends on which others are computed with it.

    Args:
        p_values_at: maps bounds of some of the estimates, and the places of these, to p-values.
        estimates: `estimate`.
        errors: standard errors, `estimate`, which only set the first steps.
        guesses: bounds that are expected near the ends, `estimate`; None for 2.1 standard errors below the estimates.

    Returns:
        The ends, `estimate`; −∞ where no bound within 2¹² standard errors can be rejected.
    """
    level = float(ndtri(ALPHA_PER_SIDE))
    ends = np.full(len(estimates), -np.inf)
    places = np.arange(len(estimates))
    # At the estimate itself the p-value is about one half.
    before, before_distance = estimates, np.full(len(estimates), -level)
    inner, outer, doublings = estimates, ends.copy(), np.zeros(len(estimates))
    bounds = estimates - FIRST_STEP * errors if guesses is None else guesses
    for trial in range(SECANT_STEPS + BISECTIONS):
        probits = ndtri(p_values_at(bounds, places))
        distance = np.minimum(np.maximum(probits, -MAX_PROBIT), MAX_PROBIT) - level
        outer, inner = np.where(distance <= 0, bounds, outer), np.where(distance <= 0, inner, bounds)
        with np.errstate(all="ignore"):
            slope = (before_distance - distance) / (before - bounds)
            secant = bounds - distance / slope  # useless unless it lies on the right side; see below
        # A probit falls by about one with every standard error.
        reach = (NEXT_STEP * distance + MIN_STEP) * 2.0**doublings * errors
        is_open = np.isinf(outer)
        is_useful = (secant < inner) & (secant > np.where(is_open, bounds - reach, outer))
        is_useful &= np.where(is_open, doublings < 2, trial < SECANT_STEPS)
        following = np.where(is_useful, secant, np.where(is_open, bounds - reach, (inner + outer) / 2))
        is_near = np.abs(distance) < PROBIT_TOLERANCE
        is_jump = inner - outer < MIN_WIDTH * errors  # at a limit p-values need not be continuous
        ends[places] = np.where(is_near, np.where(is_useful, secant, bounds), np.where(is_jump, outer, -np.inf))
        doublings = doublings + is_open
        going = ~is_near & ~is_jump & (doublings <= MAX_DOUBLINGS)
        if not going.any():
            break
        before, before_distance, bounds = bounds[going], distance[going], following[going]
        places, errors, inner, outer, doublings = (x[going] for x in (places, errors, inner, outer, doublings))
    else:
        ends[places] = bounds
    return ends
