"""Confidence intervals of means, fractions and proportions over prompts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import ndtri  # scipy.stats takes a second to import

from mi_checks.stats.bootstrap import ALPHA, PERCENTILES, IntervalCache, bootstrap_weights
from mi_checks.stats.estimate import EFFECT_SIZE_NAME, PROPORTION, Estimate, Parts
from mi_checks.stats.floor import Floats, RoundingFloor


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
        reason = f"{self.of} is {_shown(replace(self.whole, unit=unit))}, which is not above zero"
        if self.rounding is not None:
            reason += f": rounding alone can produce differences of {self.rounding:.1e} {unit} with logits this large"
        return "\n".join((reason, *self.causes))


def require_effect_size(
    whole: Floats, of: str = EFFECT_SIZE_NAME, floor: RoundingFloor | None = None, cache: IntervalCache | None = None
) -> None:
    """Raise if the effect size is not significantly above zero.

    Args:
        whole: `prompt`, e.g. clean − corrupt.
        of: the name of the whole.
        floor: the rounding floor; None for no rounding.
        cache: the cache of intervals; None to compute the interval anew.

    Raises:
        NoEffectSize: the bootstrap interval of the mean of `whole` is not above zero, or not above rounding error.
    """
    unit, threshold = ("", 0.0) if floor is None else (floor.unit, floor.mean)
    effect_size = mean_interval(whole, unit, cache)
    if effect_size.low > threshold:
        return
    rounding = threshold > 0 and (effect_size.low > 0 or max(-effect_size.low, effect_size.high) <= threshold)
    raise NoEffectSize(of, effect_size, threshold if rounding else None)


def _shown(effect_size: Estimate) -> str:
    """Return `1.234 logits [1.100, 1.300]`, or scientific notation for values that three decimals do not show."""
    digits = ".1e" if 0 < abs(effect_size.value) < 0.0005 else ".3f"
    unit = f" {effect_size.unit}" if effect_size.unit else ""
    return f"{effect_size.value:{digits}}{unit} [{effect_size.low:{digits}}, {effect_size.high:{digits}}]"


def mean_interval(values: Floats, unit: str, cache: IntervalCache | None = None) -> Estimate:
    """Return the mean over prompts with a percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13).

    Args:
        values: `prompt`.
        unit: the unit of the values.
        cache: the cache of intervals; None to compute the interval anew.
    """
    cache = IntervalCache() if cache is None else cache
    ((low,), (high,)) = cache.of("mean", lambda: values[None] @ bootstrap_weights(len(values)).T, values)
    return Estimate(float(values.mean()), float(low), float(high), len(values), unit, "bootstrap of the mean")


def ratio_interval(
    part: Floats,
    whole: Floats,
    of: str = EFFECT_SIZE_NAME,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> Estimate:
    """Return the ratio of means, Σ part / Σ whole, with a percentile bootstrap interval over prompts.

    The ratio of means, and not the mean of ratios, because the latter explodes on prompts whose `whole` is near zero.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        of: the name of the whole.
        floor: the rounding floor: a part that exceeds it on no prompt counts as zero.
        cache: the cache of intervals; None to compute the interval anew.

    Raises:
        NoEffectSize: see `require_effect_size`. A fraction of a negative effect size
            would count what lowers the logit difference.
    """
    return ratio_intervals(part[None], whole, of, floor, cache)[0]


def ratio_summary_interval(
    parts: Floats,
    whole: Floats,
    summary: Callable[[Floats], Floats],
    of: str,
    method: str,
    floor: RoundingFloor | None = None,
) -> Estimate:
    """Summarise several ratios of means to one whole, with a percentile bootstrap interval over prompts.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        summary: maps fractions `part …` to `…`: a mean of absolute values, the area under a curve.
        of: the name of the whole.
        method: how the interval is computed, for the record.
        floor: see `ratio_interval`.

    Raises:
        NoEffectSize: see `require_effect_size`.
    """
    require_effect_size(whole, of, floor)
    parts = parts if floor is None else floor.without_rounding(parts)
    low, high = np.quantile(summary(_resampled_ratios(parts, whole)), PERCENTILES)
    value = float(summary(parts.mean(1) / whole.mean()))
    return Estimate(value, float(low), float(high), len(whole), f"fraction of {of}", method)


def ratio_intervals(
    parts: Floats,
    whole: Floats,
    of: str = EFFECT_SIZE_NAME,
    floor: RoundingFloor | None = None,
    cache: IntervalCache | None = None,
) -> list[Estimate]:
    """Return `ratio_interval` of each of several parts to one whole.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        of: the name of the whole.
        floor: see `ratio_interval`.
        cache: the cache of intervals.

    Raises:
        NoEffectSize: see `require_effect_size`.
    """
    cache = IntervalCache() if cache is None else cache
    require_effect_size(whole, of, floor, cache)
    parts = parts if floor is None else floor.without_rounding(parts)
    low, high = cache.of("ratio", lambda: _resampled_ratios(parts, whole), parts, whole)
    values = parts.mean(1) / whole.mean()
    return [
        Estimate(float(value), float(a), float(b), len(whole), f"fraction of {of}", "bootstrap of the ratio of means")
        for value, a, b in zip(values, low, high, strict=True)
    ]


def ratio_parts(
    part: Floats, whole: Floats, unit: str, of: str = EFFECT_SIZE_NAME, cache: IntervalCache | None = None
) -> Parts:
    """Return the two means whose ratio `ratio_interval` estimates, each with its interval.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        unit: the unit of the score.
        of: the name of the whole.
        cache: the cache of intervals; None to compute the interval anew.
    """
    return Parts(mean_interval(part, unit, cache), mean_interval(whole, unit, cache), of)


def ratio_summary_parts(
    parts: Floats, whole: Floats, summary: Callable[[Floats], Floats], unit: str, of: str, method: str
) -> Parts:
    """Return the two parts of `ratio_summary_interval`: the summary in the unit of the score, and the whole.

    Args:
        parts: `part prompt`.
        whole: `prompt`; its mean must be significantly above zero.
        summary: see `ratio_summary_interval`; proportional to its argument, or to 1 minus it.
        unit: the unit of the score.
        of: the name of the whole.
        method: how the interval is computed, for the record.
    """
    resampled = whole @ bootstrap_weights(len(whole)).T
    low, high = np.quantile(summary(_resampled_ratios(parts, whole)) * resampled, PERCENTILES)
    value = float(summary(parts.mean(1) / whole.mean()) * whole.mean())
    return Parts(Estimate(value, float(low), float(high), len(whole), unit, method), mean_interval(whole, unit), of)


def _resampled_ratios(parts: Floats, whole: Floats) -> Floats:
    """Return resampled ratios of means, `part resample`."""
    means = np.vstack([parts, whole]) @ bootstrap_weights(len(whole)).T
    ratios: Floats = means[:-1] / means[-1]
    return ratios


def proportion_interval(successes: int, n: int) -> Estimate:
    """Return a proportion of prompts with Wilson's score interval (Wilson 1927).

    A bootstrap of n successes out of n would give an interval of zero width, which n prompts do not justify.
    """
    proportion, z = successes / n, -float(ndtri(ALPHA / 2))
    middle = (proportion + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(proportion * (1 - proportion) / n + z * z / (4 * n * n))
    low = middle - reach if successes else 0.0
    high = middle + reach if successes < n else 1.0
    return Estimate(proportion, low, high, n, PROPORTION, "Wilson score")


def paired_proportion_interval(before: Floats, after: Floats) -> Estimate:
    """Return the difference of two proportions of the same prompts, with Agresti and Min's interval.

    This is Wald's interval after half a prompt is added to each of the four outcomes of a pair (Agresti & Min 2005,
    Statistics in Medicine 24). A bootstrap of n equal outcomes would have zero width, which n prompts do not justify.

    Args:
        before: `prompt`, 0 or 1.
        after: `prompt`, 0 or 1.
    """
    n, z = len(before), -float(ndtri(ALPHA / 2))
    won, lost = int((after > before).sum()), int((after < before).sum())
    middle = (won - lost) / (n + 2)
    reach = z * math.sqrt((won + lost + 1) / (n + 2) - middle**2) / math.sqrt(n + 2)
    low, high = max(middle - reach, -1.0), min(middle + reach, 1.0)
    return Estimate((won - lost) / n, low, high, n, PROPORTION, "Agresti–Min")
