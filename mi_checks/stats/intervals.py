"""Confidence intervals of means, fractions and proportions over prompts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.special import ndtri  # scipy.stats takes a second to import

from mi_checks.stats.bootstrap import ALPHA, PERCENTILES, Floats, IntervalCache, bootstrap_weights
from mi_checks.stats.estimate import EFFECT_SIZE, PROPORTION, Estimate, Parts
from mi_checks.stats.floor import Floor


class NoEffectSize(ValueError):
    """Clean and corrupt cannot be told apart, so shares of their difference mean nothing.

    Attributes:
        of: what there is nothing of: "clean − corrupt".
        whole: its mean.
        rounding: what rounding alone may make, in the unit of the whole, where the mean is no more; else None.
        causes: sentences on why there may be nothing, and what would change that.
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
            reason += f": rounding alone may make {self.rounding:.1e} {unit} of scores from logits this large"
        return "\n".join((reason, *self.causes))


def require_effect_size(
    whole: Floats, of: str = EFFECT_SIZE, floor: Floor | None = None, cache: IntervalCache | None = None
) -> None:
    """Raise if there is nothing to take a share of.

    Args:
        whole: `prompt`, e.g. clean − corrupt.
        of: what the whole is called.
        floor: what rounding may make up; None for nothing.
        cache: of intervals; None to work it out anew.

    Raises:
        NoEffectSize: the bootstrap interval of the mean of `whole` is not above zero, or not above rounding error.
    """
    unit, least = ("", 0.0) if floor is None else (floor.unit, floor.mean)
    effect_size = mean_interval(whole, unit, cache)
    if effect_size.low > least:
        return
    rounding = least > 0 and (effect_size.low > 0 or max(-effect_size.low, effect_size.high) <= least)
    raise NoEffectSize(of, effect_size, least if rounding else None)


def _shown(effect_size: Estimate) -> str:
    """`1.234 logits [1.100, 1.300]`; what three decimals do not show, with its power of ten."""
    digits = ".1e" if 0 < abs(effect_size.value) < 0.0005 else ".3f"
    unit = f" {effect_size.unit}" if effect_size.unit else ""
    return f"{effect_size.value:{digits}}{unit} [{effect_size.low:{digits}}, {effect_size.high:{digits}}]"


def mean_interval(values: Floats, unit: str, cache: IntervalCache | None = None) -> Estimate:
    """Return the mean over prompts with a percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13).

    Args:
        values: `prompt`.
        unit: of the values.
        cache: of intervals; None to work it out anew.
    """
    cache = IntervalCache() if cache is None else cache
    ((low,), (high,)) = cache.of("mean", lambda: values[None] @ bootstrap_weights(len(values)).T, values)
    return Estimate(float(values.mean()), float(low), float(high), len(values), unit, "bootstrap of the mean")


def ratio_interval(
    part: Floats,
    whole: Floats,
    of: str = EFFECT_SIZE,
    floor: Floor | None = None,
    cache: IntervalCache | None = None,
) -> Estimate:
    """Return the ratio of means, Σ part / Σ whole, with a percentile bootstrap interval over prompts.

    The ratio of means, and not the mean of ratios, because the latter explodes on prompts whose `whole` is near zero.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        of: what the whole is called.
        floor: what rounding may make up: a part that is no more on every prompt counts as zero.
        cache: of intervals; None to work it out anew.

    Raises:
        NoEffectSize: as `require_effect_size`. A fraction of a negative effect size
            would count what lowers the logit difference.
    """
    return ratio_intervals(part[None], whole, of, floor, cache)[0]


def ratio_area_interval(
    parts: Floats,
    whole: Floats,
    summary: Callable[[Floats], Floats],
    of: str,
    method: str,
    floor: Floor | None = None,
) -> Estimate:
    """Summarise several ratios of means to one whole, with a percentile bootstrap interval over prompts.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        summary: shares `part …` → `…`: a mean of absolute values, the area under a curve.
        of: what the whole is called.
        method: how the interval was made, for the record.
        floor: as of `ratio_interval`.

    Raises:
        NoEffectSize: as `require_effect_size`.
    """
    require_effect_size(whole, of, floor)
    parts = parts if floor is None else floor.cleared(parts)
    low, high = np.quantile(summary(_shares(parts, whole)), PERCENTILES)
    value = float(summary(parts.mean(1) / whole.mean()))
    return Estimate(value, float(low), float(high), len(whole), f"share of {of}", method)


def ratio_intervals(
    parts: Floats,
    whole: Floats,
    of: str = EFFECT_SIZE,
    floor: Floor | None = None,
    cache: IntervalCache | None = None,
) -> list[Estimate]:
    """Return `ratio_interval` of each of several parts to one whole, in one go.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        of: what the whole is called.
        floor: as there.
        cache: of intervals.

    Raises:
        NoEffectSize: as there.
    """
    cache = IntervalCache() if cache is None else cache
    require_effect_size(whole, of, floor, cache)
    parts = parts if floor is None else floor.cleared(parts)
    low, high = cache.of("ratio", lambda: _shares(parts, whole), parts, whole)
    values = parts.mean(1) / whole.mean()
    return [
        Estimate(float(value), float(a), float(b), len(whole), f"share of {of}", "bootstrap of the ratio of means")
        for value, a, b in zip(values, low, high, strict=True)
    ]


def ratio_parts(
    part: Floats, whole: Floats, unit: str, of: str = EFFECT_SIZE, cache: IntervalCache | None = None
) -> Parts:
    """Return the two means of which `ratio_interval` is the ratio, each with its interval.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        unit: of the score.
        of: what the whole is called.
        cache: of intervals; None to work it out anew.
    """
    return Parts(mean_interval(part, unit, cache), mean_interval(whole, unit, cache), of)


def ratio_area_parts(
    parts: Floats, whole: Floats, summary: Callable[[Floats], Floats], unit: str, of: str, method: str
) -> Parts:
    """Return the two parts of what `ratio_area_interval` estimates: the summary in the score's unit, and the whole.

    Args:
        parts: `part prompt`.
        whole: `prompt`; its mean must be significantly above zero.
        summary: as there; proportional to its argument, or to 1 minus it.
        unit: of the score.
        of: what the whole is called.
        method: how the interval was made, for the record.
    """
    resampled = whole @ bootstrap_weights(len(whole)).T
    low, high = np.quantile(summary(_shares(parts, whole)) * resampled, PERCENTILES)
    value = float(summary(parts.mean(1) / whole.mean()) * whole.mean())
    return Parts(Estimate(value, float(low), float(high), len(whole), unit, method), mean_interval(whole, unit), of)


def _shares(parts: Floats, whole: Floats) -> Floats:
    """Resampled ratios of means, `part resample`."""
    means = np.vstack([parts, whole]) @ bootstrap_weights(len(whole)).T
    shares: Floats = means[:-1] / means[-1]
    return shares


def proportion_interval(successes: int, n: int) -> Estimate:
    """Return a proportion of prompts with Wilson's score interval (Wilson 1927).

    Not a bootstrap: resampling n successes out of n gives an interval of no width, which n prompts do not earn.
    """
    share, z = successes / n, -float(ndtri(ALPHA / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = middle - reach if successes else 0.0
    high = middle + reach if successes < n else 1.0
    return Estimate(share, low, high, n, PROPORTION, "Wilson score")


def paired_proportion_interval(before: Floats, after: Floats) -> Estimate:
    """Return the difference of two proportions of the same prompts, with Agresti and Min's interval.

    Wald's after half a prompt is added to each of the four outcomes of a pair (Agresti & Min 2005, Statistics in
    Medicine 24); not a bootstrap: that n of n prompts came out alike gives it no width, which n prompts do not earn.

    Args:
        before: `prompt`, 0 or 1.
        after: `prompt`, likewise.
    """
    n, z = len(before), -float(ndtri(ALPHA / 2))
    won, lost = int((after > before).sum()), int((after < before).sum())
    middle = (won - lost) / (n + 2)
    reach = z * math.sqrt((won + lost + 1) / (n + 2) - middle**2) / math.sqrt(n + 2)
    low, high = max(middle - reach, -1.0), min(middle + reach, 1.0)
    return Estimate((won - lost) / n, low, high, n, PROPORTION, "Agresti–Min")
