"""When a sample is too small or too uniform for an interval: a verdict from it is inconclusive."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mi_checks.stats.cluster_variance import cluster_values
from mi_checks.stats.estimate import Refusal
from mi_checks.stats.floor import Floats
from mi_checks.stats.identical_values import ROUNDING, are_identical, differing
from mi_checks.stats.sampling import SamplingDesign

MIN_OBSERVATIONS = 8  # prompts of values without limits, or rows of a sampled factor, by calibration
MIN_DIFFERENT_VALUES, MAX_IDENTICAL_FRACTION = 5, 0.8
MIN_IDENTICAL_OBSERVATIONS = 64  # 96 % of samples hold an exception that 5 % of the population have
MARGIN_OF_DIFFERENT_VALUES = 1.5  # as many times the values that must differ are expected in the needed prompts
IDENTICAL_RANGE = 1e-9  # of the range; beside `ROUNDING`, of the largest value
FAMILY_FACTOR = 6.5  # observations per √test, by calibration


def refusals(values: Floats, design: SamplingDesign, *, limited: bool = False) -> list[Refusal | None]:
    """Return for each estimate why no interval of its mean would hold, `estimate prompt` → `estimate`.

    Refused are fewer than eight rows of a sampled factor and, for values without limits, fewer than eight prompts, and
    values of which at least 80 % are identical and fewer than five differ from those: a rare value that the sample
    happens to lack would move the mean out of any interval. Of fewer than 64, values that are the same on every prompt
    are refused, too; of more, see `identical_values`.

    Args:
        values: `estimate prompt`.
        design: how the prompts were drawn.
        limited: whether the values lie within known limits.
    """
    few = too_few(design, limited=limited)
    if few is not None:
        return [few if each.any() else None for each in values]
    if limited:
        return [None] * len(values)
    found: list[Refusal | None] = [None] * len(values)
    observed = [("", values)]
    for each, rows in zip(design.clustering, design.cluster_rows, strict=True):
        observed.append((each.name, cluster_values(values, rows)))
    is_identical = are_identical(values)
    varies = values.any(1) & ~is_identical
    if design.observations < MIN_IDENTICAL_OBSERVATIONS:
        for place in np.flatnonzero(is_identical):
            found[place] = _identical(design)
    for factor, observations in observed:
        for place in np.flatnonzero(_is_alike(observations) & varies):
            found[place] = _few_different(observations[place], factor)
    return found


def ratio_refusals(parts: Floats, whole: Floats, design: SamplingDesign) -> list[Refusal | None]:
    """Return for each ratio of means why no interval of it would hold, `part prompt` and `prompt` → `part`.

    What must not be alike is each prompt's own ratio: a part that is zero, or all of the whole, on nearly every prompt.
    A ratio that is the same on every prompt but for rounding is not refused if it is zero, or if there are 64 or more.
    """
    residuals = parts - (parts.mean(1) / whole.mean())[:, None] * whole
    is_exact = np.abs(residuals).max(1) <= ROUNDING * np.abs(parts).max(1)
    ratios = parts / np.where(whole == 0, 1.0, whole)
    found = refusals(np.where(is_exact[:, None], 0.0, ratios), design)
    if design.observations < MIN_IDENTICAL_OBSERVATIONS:
        for place in np.flatnonzero(is_exact & parts.any(1)):
            found[place] = found[place] or _identical(design)
    return found


def _identical(design: SamplingDesign) -> Refusal:
    """Return the refusal of so few observations that are all the same."""
    factor = design.clustering[0].name if design.clustering else ""
    return Refusal("few different values", 0, MIN_IDENTICAL_OBSERVATIONS, factor)


def too_few(design: SamplingDesign, *, limited: bool = False) -> Refusal | None:
    """Return why so few prompts, or rows, are not enough whatever the values; None if they are enough."""
    for each in design.clustering:
        if each.size < MIN_OBSERVATIONS:
            return Refusal("few rows", each.size, MIN_OBSERVATIONS, each.name)
    if design.n < MIN_OBSERVATIONS and not limited:
        return Refusal("few prompts", design.n, MIN_OBSERVATIONS)
    return None


def too_few_for_family(design: SamplingDesign, tests: int) -> Refusal | None:
    """Return why so many tests cannot be corrected together, or None if they can.

    6.5 √tests observations are needed, and at least eight. The level of each test is that of the family over their
    number, and so far out in the tails of skewed values no test holds with fewer: 16 for 6 tests, 64 for 96.
    """
    few = too_few(design)
    if few is not None:
        return few
    need = math.ceil(FAMILY_FACTOR * math.sqrt(tests))
    if design.observations >= need:
        return None
    factor = design.clustering[0].name if design.clustering else ""
    return Refusal("few observations for the tests", design.observations, need, factor, tests)


def _is_alike(values: Floats) -> npt.NDArray[np.bool_]:
    n = values.shape[1]
    ordered = np.sort(values, axis=1)
    window = max(math.ceil(MAX_IDENTICAL_FRACTION * n), n - MIN_DIFFERENT_VALUES + 1)
    tolerance = np.maximum(
        IDENTICAL_RANGE * (ordered[:, -1] - ordered[:, 0]), ROUNDING * np.abs(ordered[:, [0, -1]]).max(1)
    )
    return np.asarray(((ordered[:, window - 1 :] - ordered[:, : n - window + 1]) <= tolerance[:, None]).any(1))


def _few_different(observations: Floats, factor: str) -> Refusal:
    """Return the refusal of observations that are too alike: prompts, or the rows of a factor.

    If none differs, one is taken to; the number that is needed may be much larger.
    """
    different = int(differing(observations).sum())
    need = math.ceil(MARGIN_OF_DIFFERENT_VALUES * len(observations) * MIN_DIFFERENT_VALUES / max(different, 1))
    return Refusal("few different values", different, need, factor)
