"""The coverage of intervals and the false-positive rates of tests in `mi_checks.stats`, on simulated effects."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from mi_checks.output.progress import Progress, no_progress
from mi_checks.stats.estimate import ALPHA, CONFIDENCE, Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import (
    NoEffectSize,
    mean_interval,
    proportion_interval,
    ratio_interval,
    ratio_summary_interval,
)
from mi_checks.stats.p_values import holm, mean_p_value, ratio_p_values
from mi_checks.studies.calibration.effect_distributions import (
    FRACTION_DISTRIBUTIONS,
    MEAN_FRACTION_DISTRIBUTIONS,
    PROPORTIONS,
    VALUE_DISTRIBUTIONS,
    EffectDistribution,
    FractionDistribution,
    Rng,
)
from mi_checks.studies.calibration.false_positive_rates import ONE_SIDED_RATE, Rate, rate_of

IntervalEnds = tuple[float, float]
PROMPT_COUNTS = (16, 64, 256)  # prompts
FAMILY_SIZE = 12  # nodes in a family of tests
Noise = Callable[[Rng, tuple[int, int]], Floats]
NOISES: Mapping[str, Noise] = {
    "normal": lambda rng, size: rng.normal(0, 1, size),
    "skewed upwards: exponential": lambda rng, size: rng.exponential(1, size) - 1,
    "skewed downwards: exponential": lambda rng, size: 1 - rng.exponential(1, size),
    "heavy tails: t, 3 degrees": lambda rng, size: rng.standard_t(3, size),
}


def student_interval(values: Floats) -> IntervalEnds:
    """Return Student's t interval."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    reach = float(stats.t.isf(ALPHA / 2, len(values) - 1)) * error
    return float(values.mean() - reach), float(values.mean() + reach)


def bootstrap_t_interval(values: Floats) -> IntervalEnds:
    """Return the studentized bootstrap interval (Efron & Tibshirani 1993, ch. 12.5)."""
    n, mean = len(values), values.mean()
    weights = bootstrap_weights(n)
    means = weights @ values
    spread = np.sqrt(np.maximum(weights @ values**2 - means**2, 0) / (n - 1))
    has_error = spread > 1e-12 * max(abs(mean), 1e-300)  # a resample of a single value has no standard error
    t = (means[has_error] - mean) / spread[has_error]
    if not len(t):
        return float(mean), float(mean)
    low, high = np.quantile(t, [ALPHA / 2, 1 - ALPHA / 2])
    error = values.std(ddof=1) / math.sqrt(n)
    return float(mean - high * error), float(mean - low * error)


def bca_interval(values: Floats) -> IntervalEnds:
    """Return the BCa interval, bias-corrected and accelerated (Efron 1987)."""
    means = bootstrap_weights(len(values)) @ values
    mean = values.mean()
    below = (means < mean).mean() + (means == mean).mean() / 2
    bias = float(stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6)))
    jackknifed = values - mean  # means without one prompt, up to a factor that cancels
    scale = (jackknifed**2).sum()
    acceleration = float((jackknifed**3).sum() / (6 * scale**1.5)) if scale else 0.0
    ends = bias + stats.norm.ppf([ALPHA / 2, 1 - ALPHA / 2])
    low, high = np.quantile(means, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)


@dataclass(frozen=True)
class IntervalCoverage:
    """How often an interval covered the true value.

    Attributes:
        interval: the quantity and the method.
        values: the distribution of the values.
        n: the number of prompts.
        covered: how often the interval covered the true value.
        above: how often the whole interval was above the true value, so that `at_least` that value passes.
        below: how often the whole interval was below it, so that `at_most` that value passes.
        refused: the draws without an interval, because the denominator was not significantly above zero.
        shipped: whether checks use the interval; the others are for comparison.
    """

    interval: str
    values: str
    n: int
    covered: Rate
    above: Rate
    below: Rate
    refused: int = 0
    shipped: bool = True


@dataclass(frozen=True)
class CoverageCase:
    """An interval and the distribution of values that it is computed from.

    Attributes:
        interval: the interval's name.
        values: the distribution's name.
        truth: the value that the interval should cover.
        ends: takes a generator and a number of prompts and returns both ends, or None if the denominator is not above
            zero.
        shipped: whether checks use the interval.
    """

    interval: str
    values: str
    truth: float
    ends: Callable[[Rng, int], IntervalEnds | None]
    shipped: bool = True


def all_coverage(
    draws: int, seed: int, sizes: Sequence[int] = PROMPT_COUNTS, progress: Progress = no_progress
) -> tuple[IntervalCoverage, ...]:
    """Return the coverage of every interval on every distribution, and of the alternatives for the mean."""
    cases = [
        (case, n)
        for case in (*mean_cases(), *fraction_cases(), *mean_fraction_cases(), *proportion_cases())
        for n in sizes
    ]
    return tuple(
        measure_coverage(case, n, draws, seed) for case, n in progress(cases, len(cases), "simulated intervals")
    )


def measure_coverage(case: CoverageCase, n: int, draws: int, seed: int) -> IntervalCoverage:
    """Return how often the interval of n prompts covers the true value, over a number of draws."""
    rng = np.random.default_rng((seed, n))
    ends = [case.ends(rng, n) for _ in range(draws)]
    intervals = [each for each in ends if each is not None]
    above = [low > case.truth for low, _ in intervals]
    below = [high < case.truth for _, high in intervals]
    covered = [not (one or other) for one, other in zip(above, below, strict=True)]
    return IntervalCoverage(
        case.interval,
        case.values,
        n,
        rate_of(covered, CONFIDENCE),
        rate_of(above, ONE_SIDED_RATE),
        rate_of(below, ONE_SIDED_RATE),
        draws - len(intervals),
        case.shipped,
    )


def mean_cases(shapes: Iterable[EffectDistribution] = VALUE_DISTRIBUTIONS) -> list[CoverageCase]:
    """Return the cases of the mean over prompts, with the bootstrap that checks use and with alternatives."""
    methods: dict[str, Callable[[Floats], IntervalEnds]] = {
        "mean: bootstrap": _bootstrap,
        "mean: Student's t": student_interval,
        "mean: bootstrap-t": bootstrap_t_interval,
        "mean: BCa": bca_interval,
    }
    return [
        CoverageCase(name, shape.name, shape.truth, partial(_of_values, make, shape), shipped=make is _bootstrap)
        for shape in shapes
        for name, make in methods.items()
    ]


def fraction_cases() -> list[CoverageCase]:
    """Return the cases of a fraction, which is a ratio of means."""
    return [
        CoverageCase("fraction: bootstrap", shape.name, shape.truth, partial(_of_fraction, shape))
        for shape in FRACTION_DISTRIBUTIONS
    ]


def mean_fraction_cases() -> list[CoverageCase]:
    """Return the cases of the mean of the absolute values of fractions, which completeness is."""
    return [
        CoverageCase("mean |fraction|: bootstrap", shape.name, shape.truth, partial(_of_fractions, shape))
        for shape in MEAN_FRACTION_DISTRIBUTIONS
    ]


def proportion_cases() -> list[CoverageCase]:
    """Return the cases of the proportion of prompts on which the answer wins."""
    return [CoverageCase("proportion: Wilson", f"{p:g} of prompts", p, partial(_of_wins, p)) for p in PROPORTIONS]


def _ends(estimate: Estimate) -> IntervalEnds:
    return estimate.low, estimate.high


def _bootstrap(values: Floats) -> IntervalEnds:
    return _ends(mean_interval(values, "logits"))


def _of_values(make: Callable[[Floats], IntervalEnds], shape: EffectDistribution, rng: Rng, n: int) -> IntervalEnds:
    return make(shape.draw(rng, n))


def _of_fraction(shape: FractionDistribution, rng: Rng, n: int) -> IntervalEnds | None:
    parts, whole = shape.draw(rng, n)
    try:
        return _ends(ratio_interval(parts[0], whole))
    except NoEffectSize:
        return None


def _of_fractions(shape: FractionDistribution, rng: Rng, n: int) -> IntervalEnds | None:
    parts, whole = shape.draw(rng, n)
    try:
        return _ends(
            ratio_summary_interval(parts, whole, lambda fractions: np.abs(fractions).mean(0), "the whole", "bootstrap")
        )
    except NoEffectSize:
        return None


def _of_wins(p: float, rng: Rng, n: int) -> IntervalEnds:
    return _ends(proportion_interval(int(rng.binomial(n, p)), n))


@dataclass(frozen=True)
class RejectionRate:
    """How often a test on n prompts rejected a true null hypothesis."""

    test: str
    values: str
    n: int
    rejected: Rate


def measure_rejections(
    draws: int, seed: int, sizes: Sequence[int] = PROMPT_COUNTS, progress: Progress = no_progress
) -> tuple[RejectionRate, ...]:
    """Return the rates of the t-test with a mean difference of zero, and of a family of fractions at their bound."""
    results: list[RejectionRate] = []
    for n in progress(sizes, len(sizes), "simulated tests"):
        for shape in VALUE_DISTRIBUTIONS:
            rng = np.random.default_rng((seed, n))
            wrong = [mean_p_value(shape.draw(rng, n) - shape.truth) < ALPHA for _ in range(draws)]
            results.append(RejectionRate("paired t-test, two-sided", shape.name, n, rate_of(wrong, ALPHA)))
        for name, noise in NOISES.items():
            rng = np.random.default_rng((seed, n))
            wrong = [family_rejects(rng, n, noise) for _ in range(draws)]
            test = f"any of {FAMILY_SIZE} fractions above, one-sided, Holm"
            results.append(RejectionRate(test, name, n, rate_of(wrong, ONE_SIDED_RATE)))
    return tuple(sorted(results, key=lambda each: each.test))


def family_rejects(rng: Rng, n: int, noise: Noise) -> bool:
    """Return whether any of a family of fractions, all exactly at the bound, is called significantly above it."""
    whole = rng.normal(4, 1, n)
    above, _ = ratio_p_values(0.15 * whole + noise(rng, (FAMILY_SIZE, n)), whole, 0.15)
    return bool((holm(above) < ONE_SIDED_RATE).any())
