"""Cells of a calibration: a situation with a known truth, and how often a test of that truth errs in it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.interval_ends import mean_ends
from mi_checks.stats.mean_tests import Limits, bound_p_value, mean_p_values
from mi_checks.stats.sampling import SamplingDesign
from mi_checks.studies.calibration.simulation.distributions import Rng

Bools = npt.NDArray[np.bool_]
# What is promised of one side of an interval, whose nominal error is 2.5 %.
PROMISED_ERROR, PROMISED_ERROR_OF_FEW = 0.03, 0.05
MIN_PROMPTS, MIN_CLUSTERS = 64, 16  # from which on the first one is promised
NOISE = 2.0  # standard errors of the binomial that a measured rate may be above what is promised
SHIFT = 0.8  # standard deviations between the truth and the bound, where power is measured
NO_WIDTH = 1e-9  # relative; less is rounding
DRAWS_AT_ONCE, POWER_DRAWS, FORMER_DRAWS, WIDTH_DRAWS = 100, 200, 400, 40
RESAMPLES = 1000  # of the percentile bootstrap, which intervals were before: here only, to show what they cost


@dataclass(frozen=True, eq=False)
class Sample:
    """Several draws of a situation, which share a design.

    Attributes:
        values: the values less what is true of their mean, `draw prompt`; of families `draw·test prompt`.
        design: how the prompts were drawn.
        refused: whether there is no interval, `draw`.
        limits: the smallest and the largest possible value, less the truth; None for values without limits.
        spread: the standard deviation of the values.
        truth: their true mean, by which identical values are judged.
    """

    values: Floats
    design: SamplingDesign
    refused: Bools
    limits: Limits | None = None
    spread: float = 1.0
    truth: float = 0.0


@dataclass(frozen=True)
class Situation:
    """What is drawn in a cell.

    Attributes:
        values: the name of the distribution.
        sample: a description of the sample: "64 prompts".
        n: the number of prompts.
        draw: takes a generator and a number of draws.
        clusters: the number of rows of the sampled factor with the fewest; None if prompts are independent.
        tests: the number of tests that are corrected together.
    """

    values: str
    sample: str
    n: int
    draw: Callable[[Rng, int], Sample]
    clusters: int | None = None
    tests: int = 1


@dataclass(frozen=True)
class Cell:
    """How often a test erred in a situation.

    Attributes:
        values: the name of the distribution.
        sample: a description of the sample.
        draws: the number of draws.
        refused: how many had no interval.
        above: how many intervals lay above the truth, so that a false claim `at_least` a little more would pass.
        below: how many lay below it.
        promised: the largest rate that is promised; None if none is.
        former: the error of the worse side of the percentile bootstrap over prompts; None if it is not compared.
        width: the half-width relative to that of the percentile bootstrap.
        power: how often a bound 0.8 standard deviations away is rejected, on the worse side; None if neither bound
            lies within the limits.
    """

    values: str
    sample: str
    draws: int
    refused: int
    above: int
    below: int
    promised: float | None
    former: float | None = None
    width: float | None = None
    power: float | None = None

    @property
    def error(self) -> float:
        """Return the rate at which the worse side errs, of all draws."""
        return max(self.above, self.below) / self.draws

    @property
    def exceeds_promise(self) -> bool:
        """Return whether the error is above what is promised by more than binomial noise."""
        if self.promised is None:
            return False
        return self.error > self.promised + NOISE * math.sqrt(self.promised * (1 - self.promised) / self.draws)


def promised_error(n: int, clusters: int | None) -> float:
    """Return the largest error of one side that is promised of a number of prompts, or of rows."""
    is_enough = n >= MIN_PROMPTS and (clusters is None or clusters >= MIN_CLUSTERS)
    return PROMISED_ERROR if is_enough else PROMISED_ERROR_OF_FEW


def random_generator(seed: int, n: int, name: str) -> Rng:
    """Return the generator of a cell, which depends on no other cell."""
    return np.random.default_rng((seed, n, *name.encode()))


def measure(situation: Situation, draws: int, seed: int, *, is_promised: bool = True) -> Cell:
    """Return how often the test errs in a situation, and what it costs."""
    rng = random_generator(seed, situation.n, situation.values + situation.sample)
    refused, errors, power, former = 0, np.zeros(2), np.zeros(2), np.zeros(2)
    tried, compared, width = 0, 0, None
    for first, count in _batches(draws):
        sample = situation.draw(rng, count)
        refused += int(sample.refused.sum())
        errors += [(each & ~sample.refused).sum() for each in _rejections(sample, situation.tests)]
        if situation.tests > 1:
            continue
        if first < FORMER_DRAWS:
            compared += count
            low, high = percentile_ends(sample.values)
            former += [(low > 0).sum(), (high < 0).sum()]
        if first < POWER_DRAWS:
            tried += count
            power += _shifted_rejections(sample)
        width = _relative_width(sample) if first == 0 else width
    return Cell(
        situation.values,
        situation.sample,
        draws,
        refused,
        int(errors[0]),
        int(errors[1]),
        promised_error(situation.n, situation.clusters) if is_promised else None,
        float(former.max()) / compared if compared else None,
        width,
        _smallest(power / tried) if tried else None,
    )


def _batches(draws: int) -> Iterator[tuple[int, int]]:
    for first in range(0, draws, DRAWS_AT_ONCE):
        yield first, min(DRAWS_AT_ONCE, draws - first)


def _rejections(sample: Sample, tests: int, shift: float = 0.0) -> tuple[Bools, Bools]:
    """Return whether «the mean is at most zero», and at least zero, is rejected in any test of a family, `draw`.

    Args:
        sample: the draws.
        tests: the number of tests of a family.
        shift: how far the tested bound is moved away from the truth, against the claim of either side.
    """
    sides: list[Bools] = []
    for sign in (1.0, -1.0):
        limits = sample.limits
        least = None if limits is None else (limits[0] if sign > 0 else -limits[1]) + shift
        found = _rejects(sign * sample.values + shift, sample.design, ALPHA_PER_SIDE / tests, least)
        if limits is None and tests == 1:
            _judge_identical(found, sample, sign, shift)
        sides.append(np.asarray(found.reshape(-1, tests).any(1)))
    return sides[0], sides[1]


def _judge_identical(found: Bools, sample: Sample, sign: float, shift: float) -> None:
    """Judge draws of identical values, in place; the test of a bound has a rule of its own for them."""
    values = sample.values + sample.truth
    for draw in np.flatnonzero(np.ptp(sample.values, axis=1) == 0):
        side = sample.truth - sign * shift
        bound = Bound(at_least=side) if sign > 0 else Bound(at_most=side)
        found[draw] = bound_p_value(values[draw], bound, sample.design) < ALPHA_PER_SIDE


def _rejects(values: Floats, design: SamplingDesign, level: float, least: float | None) -> Bools:
    if least is not None or design.factors:
        return mean_p_values(values, design, level, least) < level
    # The p-values are never below Student's, which are faster.
    n = values.shape[1]
    error = np.sqrt(np.maximum(values.var(1), 1e-300) / (n - 1))
    rejects: Bools = stdtr(n - 1, -values.mean(1) / error) < level
    rejects[rejects] = mean_p_values(values[rejects], design, level) < level
    return rejects


def _shifted_rejections(sample: Sample) -> Floats:
    """Return how often bounds 0.8 standard deviations from the truth are rejected, `side`; NaN outside the limits."""
    shift = SHIFT * sample.spread
    counts = [float((each & ~sample.refused).sum()) for each in _rejections(sample, 1, shift)]
    inside = (True, True) if sample.limits is None else (sample.limits[0] < -shift, sample.limits[1] > shift)
    return np.where(inside, counts, np.nan)


def _smallest(rates: Floats) -> float | None:
    return None if np.isnan(rates).all() else float(np.nanmin(rates))


def _relative_width(sample: Sample) -> float | None:
    """Return the median half-width relative to that of the percentile bootstrap, if both have one."""
    values = sample.values[~sample.refused][:WIDTH_DRAWS]
    if not len(values):
        return None
    ends, former_ends = mean_ends(values, sample.design, sample.limits), percentile_ends(values)
    width, former = (float(np.median(high - low)) for low, high in (ends, former_ends))
    return width / former if former > NO_WIDTH * width and math.isfinite(width) else None


def percentile_ends(values: Floats) -> tuple[Floats, Floats]:
    """Return the ends of 95 % percentile bootstrap intervals of means, `draw prompt` → `draw`."""
    means = values @ _resampling_weights(values.shape[1])
    low, high = np.quantile(means, [ALPHA_PER_SIDE, 1 - ALPHA_PER_SIDE], axis=1)
    return low, high


@lru_cache(maxsize=8)
def _resampling_weights(n: int) -> Floats:
    """Return how often each resample has each prompt, over the number of prompts, `prompt resample`."""
    counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray(counts.T / n)
