"""One-sided tests of means and of ratios of means, over independent or clustered prompts.

One construction serves all of them. To show that a mean lies above a bound, one observation is added on the side that
would disprove it: at the end of the range where there is one (probabilities: 0), else below the smallest value, the
farther the more the sample is skewed that way. The observations are then weighted with Dirichlet(1, …, 1) weights; the
p-value is the probability that the weighted mean lies on the other side of the bound.

The observations are prompts or, if prompts share rows of sampled factors, the clusters of `cluster_variance`.

Sources: Gaffke 2005, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable", Mathematical Methods of Statistics 14; Learned-Miller & Thomas 2019, arXiv:1905.06208; Rubin 1981, "The
Bayesian bootstrap", Annals of Statistics 9; Fieller 1954, JRSS B 16 (ratios); Schuirmann 1987 (equivalence).
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtr  # scipy.stats takes a second to import

from mi_checks.spec.check import Bound
from mi_checks.stats.cluster_variance import cluster_variance
from mi_checks.stats.dirichlet import weighted_sum_below_zero
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.identical_values import are_identical, identical_p_value
from mi_checks.stats.refusals import ratio_refusals, refusals, too_few
from mi_checks.stats.sampling import SamplingDesign

Limits = tuple[float, float]
# How far out the added observation lies, in observations, by calibration: see `unseen_distance`. Means of clusters hide
# the skewness of rows behind the noise of prompts, so that more of the tail is unseen.
UNSEEN_FACTOR, UNSEEN_POWER, CLUSTER_UNSEEN_FACTOR = 60.0, 1.5, 1.5
NO_VARIATION = 1e-12  # of the mean; a smaller standard error is rounding


def mean_p_values(
    values: Floats, design: SamplingDesign, level: float = ALPHA_PER_SIDE, least: Floats | float | None = None
) -> Floats:
    """Return p-values of H0 «mean ≤ 0», `test prompt` → `test`.

    For values without limits this is the larger one of Student's t-test and of the Dirichlet test. For values within
    limits it is the Dirichlet test with the observation added at the limit: on 0 and 1 the exact binomial test.

    Args:
        values: `test prompt`, less the bound.
        design: how the prompts were drawn.
        level: the level of the test, of one side; in a family, the level over the number of tests.
        least: the lower limit of the values, less the bound: a number or `test`; None for no limit.
    """
    if least is None:  # otherwise strata are left out: values shifted to a common mean could lie beyond the limit
        values = design.without_strata(values)
    return p_values_within_strata(values, design, level, least)


def p_values_within_strata(
    values: Floats, design: SamplingDesign, level: float = ALPHA_PER_SIDE, least: Floats | float | None = None
) -> Floats:
    """Return `mean_p_values` of values that vary only as much as they do within strata, `test prompt` → `test`."""
    if least is not None:
        limit = np.broadcast_to(np.asarray(least, dtype=float), values.shape[:1])
        return _limited_p_values(values, design, limit)
    mean = values.mean(1)
    if not design.clustering:
        n = values.shape[1]
        student = _t_p_values(mean, values.var(1, ddof=1) / n, n - 1)
        unseen = unseen_distance(values, level)
        return np.asarray(np.maximum(student, weighted_sum_below_zero(values, values.min(1) - unseen)))
    spread = cluster_variance(values, design.cluster_rows)
    observations = spread.observations
    student = _t_p_values(mean, spread.variance, spread.freedom)
    unseen = CLUSTER_UNSEEN_FACTOR * unseen_distance(observations, level, spread.fewest)
    return np.asarray(np.maximum(student, weighted_sum_below_zero(observations, observations.min(1) - unseen)))


def _limited_p_values(values: Floats, design: SamplingDesign, limit: Floats) -> Floats:
    """Return the p-values of values within limits, `test`; `limit` is the lower one, less the bound, `test`."""
    if not design.clustering:
        return weighted_sum_below_zero(values, limit)
    spread = cluster_variance(values, design.cluster_rows)
    observations, mean = spread.observations, values.mean(1)
    # The added observation is a cluster of one factor: its distance is multiplied as those of clusters are. Totals of
    # large clusters can lie beyond the limit; the added observation then does, too.
    added = mean + (limit - mean) * (observations.shape[1] / spread.effective)
    return weighted_sum_below_zero(observations, np.minimum(added, observations.min(1)))


def unseen_distance(values: Floats, level: float = ALPHA_PER_SIDE, number: int | None = None) -> Floats:
    """Return how far below the smallest value the added observation lies, `test observation` → `test`.

    If the sample is skewed downwards, still smaller values are likely to be missing from it. The distance is the
    downward skewness times the standard deviation times 60 / n · (log(1 / level) / log 40)^1.5; zero for a sample that
    is symmetric or skewed upwards. The form and both numbers were chosen by calibration: see `docs/statistics.md`.

    Args:
        values: `test observation`.
        level: the level of the test, of one side.
        number: the number of independent observations, if it is not that of the columns.
    """
    mean = values.mean(1, keepdims=True)
    centred = values - mean
    squares = centred * centred
    variance = squares.mean(1)
    third = np.maximum(-(squares * centred).mean(1), 0.0)
    per_variance = third / np.where(variance > 0, variance, 1.0)  # skewness times the standard deviation
    strictness = math.log(1 / level) / math.log(1 / ALPHA_PER_SIDE)
    n = values.shape[1] if number is None else number
    return np.asarray(per_variance * UNSEEN_FACTOR / n * strictness**UNSEEN_POWER)


def _t_p_values(mean: Floats, variance: Floats, freedom: float) -> Floats:
    """Return the p-values of H0 «mean ≤ 0» of Student's t-test, `test`; 0.5 if all values are zero."""
    error = np.sqrt(variance)
    varies = error > NO_VARIATION * np.abs(mean)
    # Values without any variance (an effect of exactly zero, say) are certain, not undefined.
    certain = np.where(mean > 0, np.inf, np.where(mean < 0, -np.inf, 0.0))
    return np.asarray(stdtr(freedom, -np.where(varies, mean / np.where(varies, error, 1.0), certain)))


def ratio_p_values(
    parts: Floats, whole: Floats, bound: float, design: SamplingDesign, tests: int = 1
) -> tuple[Floats, Floats]:
    """Return one-sided p-values for ratios of means being above, and being below, a bound.

    Following Fieller, the mean of part − bound · whole is compared with zero. Ratios that are too alike over prompts
    have no interval, but they can be tested: the observation that their samples may lack is taken to have no effect, or
    all of the whole, whichever would disprove the claim.

    Args:
        parts: `node prompt`.
        whole: `prompt`; its mean must be positive.
        bound: the ratio of the null hypotheses.
        design: how the prompts were drawn.
        tests: the number of tests that Holm's method corrects for.

    Returns:
        p-values of H0 «ratio ≤ bound» and of H0 «ratio ≥ bound», each `node`; 1 if there are too few prompts or rows.
    """
    excess = parts - bound * whole
    level = ALPHA_PER_SIDE / tests
    if too_few(design) is not None:
        return np.ones(len(parts)), np.ones(len(parts))
    alike = np.array([each is not None for each in ratio_refusals(parts, whole, design)])
    no_effect, all_of_it = (0.0 if bound > 0 else -1.0), (1.0 if bound < 1 else 2 * bound)
    p_values = []
    for side, unseen in ((excess, no_effect - bound), (-excess, bound - all_of_it)):
        p = mean_p_values(side, design, level)
        if alike.any():
            least = np.minimum(unseen * whole.mean(), side[alike].min(1))
            p[alike] = np.maximum(p[alike], mean_p_values(side[alike], design, level, least))
        p_values.append(p)
    return p_values[0], p_values[1]


def bound_p_value(
    values: Floats,
    bound: Bound,
    design: SamplingDesign,
    *,
    whole: Floats | None = None,
    limits: Limits | None = None,
) -> float:
    """Return the p-value of H0 «the mean, or the ratio of means, is outside the bound»; the larger of two sides.

    Args:
        values: `prompt`.
        bound: the bound.
        design: how the prompts were drawn.
        whole: what the ratio is of, `prompt`; None for the mean of the values.
        limits: the smallest and the largest possible value; None for values without limits.
    """
    if whole is None:
        (refusal,) = refusals(values[None], design, limited=limits is not None)
        if refusal is None and limits is None and are_identical(values):
            return identical_p_value(float(values.mean()), bound, design)
    else:
        (refusal,) = ratio_refusals(values[None], whole, design)
    p_values = [0.0 if refusal is None else 1.0]
    for side, sign in ((bound.at_least, 1.0), (bound.at_most, -1.0)):
        if side is not None:
            of = side if whole is None else side * whole
            limit = None if limits is None else (limits[0] - side if sign > 0 else side - limits[1])
            p_values.append(float(mean_p_values(sign * (values - of)[None], design, least=limit)[0]))
    return max(p_values)


def mean_p_value(values: Floats, design: SamplingDesign) -> float:
    """Return the two-sided p-value of H0 «the mean is zero»; for differences, of the paired test.

    Args:
        values: `prompt`.
        design: how the prompts were drawn.
    """
    return mean_beyond_p_value(values, 0.0, design)


def mean_beyond_p_value(values: Floats, margin: float, design: SamplingDesign, limits: Limits | None = None) -> float:
    """Return the two-sided p-value of H0 «the mean is within ± margin»: twice that of the nearer end.

    Args:
        values: `prompt`; at least two.
        margin: the largest absolute mean that does not matter; zero or more.
        design: how the prompts were drawn.
        limits: the smallest and the largest possible value, symmetric around zero; None for values without limits.
    """
    mean = float(values.mean())
    if abs(mean) <= margin or refusals(values[None], design, limited=limits is not None) != [None]:
        return 1.0
    if limits is None and are_identical(values):
        return min(1.0, 2 * identical_p_value(abs(mean), Bound(at_least=margin), design))
    outward = math.copysign(1.0, mean) * values - margin
    least = None if limits is None else limits[0] - margin
    return min(1.0, 2 * float(mean_p_values(outward[None], design, least=least)[0]))


def equivalence_p_value(values: Floats, margin: float, design: SamplingDesign) -> float:
    """Return the p-value of H0 «the mean is not within ± margin»: two one-sided tests (Schuirmann 1987).

    Args:
        values: `prompt`.
        margin: the largest absolute mean that does not matter.
        design: how the prompts were drawn.
    """
    (refusal,) = refusals(values[None], design)
    if refusal is not None:
        return 1.0
    if are_identical(values):
        return identical_p_value(float(values.mean()), Bound(at_least=-margin, at_most=margin), design)
    sides = np.stack([values + margin, margin - values])
    return float(mean_p_values(sides, design).max())
