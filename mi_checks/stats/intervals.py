"""Estimates with confidence intervals: means, fractions and proportions over prompts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import betaincinv  # scipy.stats takes a second to import

from mi_checks.stats.estimate import (
    ALPHA_PER_SIDE,
    EFFECT_SIZE_NAME,
    PROPORTION,
    Estimate,
    Parts,
    Refusal,
)
from mi_checks.stats.floor import Floats, RoundingFloor
from mi_checks.stats.identical_values import are_identical, identical_ends
from mi_checks.stats.interval_cache import IntervalCache
from mi_checks.stats.interval_ends import mean_ends, ratio_ends
from mi_checks.stats.mean_tests import Limits, mean_p_values
from mi_checks.stats.refusals import ratio_refusals, refusals
from mi_checks.stats.sampling import SamplingDesign

PROBABILITY: Limits = (0.0, 1.0)
MEAN_METHOD, RATIO_METHOD = "Student's t and the Dirichlet test, the wider", "Fieller's test of part − bound · whole"
LIMITED_METHOD = "Dirichlet test with an observation at the limit"


class NoEffectSize(ValueError):
    """The effect size is not significantly above zero, so fractions of it are undefined.

    Attributes:
        of: the name of the effect size: "clean − corrupt".
        whole: its mean.
        rounding: the largest mean that rounding alone can produce, if the mean does not exceed that; else None.
        causes: sentences about possible causes, and what to do about them.
    """

    def __init__(self, of: str, whole: Estimate, rounding: float | None = None, causes: tuple[str, ...] = ()) -> None:
        self.of = of
        self.whole = whole
        self.rounding = rounding
        self.causes = causes
        super().__init__(self.in_unit(whole.unit))

    def in_unit(self, unit: str) -> str:
        """Return the reason with the unit of the behaviour's score."""
        is_refused = self.whole.refusal is not None and self.rounding is None
        not_above = "of which no interval can be given" if is_refused else "which is not above zero"
        reason = f"{self.of} is {_shown(replace(self.whole, unit=unit))}, {not_above}"
        if self.rounding is not None:
            reason += f": rounding alone can produce differences of {self.rounding:.1e} {unit} with logits this large"
        return "\n".join((reason, *self.causes))


def require_effect_size(
    whole: Floats,
    design: SamplingDesign,
    of: str = EFFECT_SIZE_NAME,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> None:
    """Raise if the effect size is not significantly above zero.

    Args:
        whole: `prompt`, e.g. clean − corrupt.
        design: how the prompts were drawn.
        of: the name of the whole.
        floor: the rounding floor; None for no rounding.
        cache: the cache of intervals; None to compute the interval anew.

    Raises:
        NoEffectSize: the interval of the mean of `whole` is not above zero, or not above rounding error; or there is no
            interval, because there are too few prompts or rows.
    """
    unit, threshold = ("", 0.0) if floor is None else (floor.unit, floor.mean)
    # A test is faster than an interval that is not kept.
    if cache is None and refusals(whole[None], design) == [None] and _lies_above(whole, threshold, design):
        return
    effect_size = mean_interval(whole, unit, design, cache=cache)
    if effect_size.low > threshold and effect_size.refusal is None:
        return
    is_rounding = effect_size.low > 0 or max(-effect_size.low, effect_size.high) <= threshold
    if effect_size.refusal is not None:
        is_rounding = floor is not None and bool(floor.covers(whole))
    rounding = threshold > 0 and is_rounding
    raise NoEffectSize(of, effect_size, threshold if rounding else None)


def _lies_above(values: Floats, threshold: float, design: SamplingDesign) -> bool:
    return bool(mean_p_values((values - threshold)[None], design)[0] < ALPHA_PER_SIDE)


def _shown(effect_size: Estimate) -> str:
    """Return `1.234 logits [1.100, 1.300]`, or scientific notation for values that three decimals do not show."""
    digits = ".1e" if 0 < abs(effect_size.value) < 0.0005 else ".3f"
    unit = f" {effect_size.unit}" if effect_size.unit else ""
    interval = "" if effect_size.refusal else f" [{effect_size.low:{digits}}, {effect_size.high:{digits}}]"
    return f"{effect_size.value:{digits}}{unit}{interval}"


def mean_interval(
    values: Floats,
    unit: str,
    design: SamplingDesign,
    *,
    limits: Limits | None = None,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> Estimate:
    """Return the mean over prompts with its interval: the bounds that `mean_tests.mean_p_values` does not reject.

    Args:
        values: `prompt`.
        unit: the unit of the values.
        design: how the prompts were drawn.
        limits: the smallest and the largest possible value; None for values without limits.
        floor: the rounding floor: values that exceed it on no prompt count as zero.
        cache: the cache of intervals; None to compute the interval anew.
    """
    return mean_intervals(values[None], unit, design, limits=limits, floor=floor, cache=cache)[0]


def mean_intervals(
    values: Floats,
    unit: str,
    design: SamplingDesign,
    *,
    limits: Limits | None = None,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> list[Estimate]:
    """Return `mean_interval` of each of several rows, `estimate prompt`."""
    values = values if floor is None else floor.without_rounding(values)
    refused = refusals(values, design, limited=limits is not None)
    means, method = values.mean(1), MEAN_METHOD if limits is None else LIMITED_METHOD
    low, high = means.copy(), means.copy()
    has_variation = np.array([each is None for each in refused], dtype=bool)
    if limits is None:
        is_zero, is_identical = ~values.any(1), are_identical(values)
        low[is_zero], high[is_zero] = (0.0, 0.0) if floor is None else (-floor.mean, floor.mean)
        for place in np.flatnonzero(is_identical):
            low[place], high[place] = identical_ends(float(means[place]), design)
        has_variation &= ~is_zero & ~is_identical
    if has_variation.any():
        cache = IntervalCache() if cache is None else cache
        kind = "mean" if limits is None else f"mean within {limits}"
        low[has_variation], high[has_variation] = cache.of(
            kind, lambda rows: mean_ends(rows, design, limits), design.digest, values[has_variation]
        )
    return [
        Estimate(value, a, b, design.n, unit, method, **design.clustered)
        if refusal is None
        else _refused(value, design, unit, method, refusal)
        for value, a, b, refusal in zip(means.tolist(), low.tolist(), high.tolist(), refused, strict=True)
    ]


def ratio_interval(
    part: Floats,
    whole: Floats,
    design: SamplingDesign,
    of: str = EFFECT_SIZE_NAME,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> Estimate:
    """Return the ratio of means, Σ part / Σ whole, with its interval over prompts.

    The ratio of means, and not the mean of ratios, because the latter explodes on prompts whose `whole` is near zero.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        design: how the prompts were drawn.
        of: the name of the whole.
        floor: the rounding floor: a part that exceeds it on no prompt counts as zero.
        cache: the cache of intervals; None to compute the interval anew.

    Raises:
        NoEffectSize: see `require_effect_size`. A fraction of a negative effect size
            would count what lowers the logit difference.
    """
    return ratio_intervals(part[None], whole, design, of, floor, cache)[0]


def ratio_intervals(
    parts: Floats,
    whole: Floats,
    design: SamplingDesign,
    of: str = EFFECT_SIZE_NAME,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> list[Estimate]:
    """Return `ratio_interval` of each of several parts to one whole.

    A fraction that is the same on every prompt but for rounding (zero, or one if everything is patched) is no accident
    of the sample; its interval is what rounding can hide.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        design: how the prompts were drawn.
        of: the name of the whole.
        floor: see `ratio_interval`.
        cache: the cache of intervals.

    Raises:
        NoEffectSize: see `require_effect_size`.
    """
    cache = IntervalCache() if cache is None else cache
    require_effect_size(whole, design, of, floor, cache)
    parts = parts if floor is None else floor.without_rounding(parts)
    values = parts.mean(1) / whole.mean()
    residuals = parts - values[:, None] * whole
    is_exact = ~residuals.any(1) if floor is None else floor.covers(residuals)
    refused = ratio_refusals(np.where(is_exact[:, None], values[:, None] * whole, parts), whole, design)
    has_interval = ~is_exact & np.array([each is None for each in refused], dtype=bool)
    low, high = values.copy(), values.copy()
    if has_interval.any():
        low[has_interval], high[has_interval] = cache.of(
            "ratio", lambda rows: ratio_ends(rows, whole, design), design.digest, parts[has_interval], whole
        )
    reach = 0.0 if floor is None else floor.mean / float(whole.mean())
    unit, found = f"fraction of {of}", []
    for value, a, b, refusal, exact in zip(values.tolist(), low, high, refused, is_exact, strict=True):
        if refusal is not None:
            found.append(_refused(value, design, unit, RATIO_METHOD, refusal))
            continue
        ends = (value - reach, value + reach) if exact else (float(a), float(b))
        found.append(Estimate(value, ends[0], ends[1], design.n, unit, RATIO_METHOD, **design.clustered))
    return found


def ratio_parts(
    part: Floats,
    whole: Floats,
    unit: str,
    design: SamplingDesign,
    of: str = EFFECT_SIZE_NAME,
    cache: IntervalCache | None = None,
) -> Parts:
    """Return the two means whose ratio `ratio_interval` estimates, each with its interval.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        unit: the unit of the score.
        design: how the prompts were drawn.
        of: the name of the whole.
        cache: the cache of intervals; None to compute the interval anew.
    """
    numerator, denominator = mean_intervals(np.stack([part, whole]), unit, design, cache=cache)
    return Parts(numerator, denominator, of)


def _refused(value: float, design: SamplingDesign, unit: str, method: str, refusal: Refusal) -> Estimate:
    return Estimate(value, value, value, design.n, unit, method, **design.clustered, refusal=refusal)


def proportion_interval(successes: int, n: int) -> Estimate:
    """Return a proportion of independent prompts with the exact interval (Clopper & Pearson 1934)."""
    low = float(betaincinv(successes, n - successes + 1, ALPHA_PER_SIDE)) if successes else 0.0
    high = float(betaincinv(successes + 1, n - successes, 1 - ALPHA_PER_SIDE)) if successes < n else 1.0
    return Estimate(successes / n, low, high, n, PROPORTION, "Clopper–Pearson")
