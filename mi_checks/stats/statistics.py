"""Intervals, tests and corrections over prompts. Everything is seeded; nothing here knows about models."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr, ndtri, stdtr  # scipy.stats takes a second to import

from mi_checks.spec.bound import Bound
from mi_checks.stats.estimate import EFFECT_SIZE, PROPORTION, Estimate, Outcome, Parts
from mi_checks.stats.floor import Floor

Floats = npt.NDArray[np.float64]
CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
RESAMPLES = 4000
COUNTED = 64  # resamples at a time
PERCENTILES = (ALPHA / 2, 1 - ALPHA / 2)
# Ends of intervals, by a digest of what they are of: checks, reports and baselines ask for the same, and `recall` keeps
# them for later runs, as resampling takes longer than all else where nothing is measured.
REMEMBERED: dict[bytes, Floats] = {}
MOST, DIGEST = 100_000, 16  # of these, and bytes of a digest


class NoGap(ValueError):
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


def require_gap(whole: Floats, of: str = EFFECT_SIZE, floor: Floor | None = None) -> None:
    """Raise if there is nothing to take a share of.

    Args:
        whole: `prompt`, e.g. clean − corrupt.
        of: what the whole is called.
        floor: what rounding may make up; None for nothing.

    Raises:
        NoGap: the bootstrap interval of the mean of `whole` is not above zero, or not above what rounding makes up.
    """
    unit, least = ("", 0.0) if floor is None else (floor.unit, floor.mean)
    gap = mean_interval(whole, unit)
    if gap.low > least:
        return
    rounding = least > 0 and (gap.low > 0 or max(-gap.low, gap.high) <= least)
    raise NoGap(of, gap, least if rounding else None)


def _shown(gap: Estimate) -> str:
    """`1.234 logits [1.100, 1.300]`; what three decimals do not show, with its power of ten."""
    digits = ".1e" if 0 < abs(gap.value) < 0.0005 else ".3f"
    unit = f" {gap.unit}" if gap.unit else ""
    return f"{gap.value:{digits}}{unit} [{gap.low:{digits}}, {gap.high:{digits}}]"


def mean_interval(values: Floats, unit: str) -> Estimate:
    """Mean over prompts with a percentile bootstrap interval (Efron & Tibshirani 1993, ch. 13).

    Args:
        values: `prompt`.
    """
    ((low,), (high,)) = _ends("mean", lambda: values[None] @ bootstrap_weights(len(values)).T, values)
    return Estimate(float(values.mean()), float(low), float(high), len(values), unit, "bootstrap of the mean")


def _ends(kind: str, resampled: Callable[[], Floats], *of: Floats) -> Floats:
    """The lower and the upper ends of intervals, from `REMEMBERED` if they are there, `end estimate`.

    Args:
        kind: of estimate.
        resampled: the estimates, `estimate resample`.
        of: all that they depend on.
    """
    digest = hashlib.blake2b(f"{kind} {[array.shape for array in of]}".encode(), digest_size=DIGEST)
    for array in of:
        digest.update(np.ascontiguousarray(array, dtype=np.float64).data)
    key = digest.digest()
    if key not in REMEMBERED:
        if len(REMEMBERED) >= MOST:
            REMEMBERED.clear()
        REMEMBERED[key] = np.quantile(resampled(), PERCENTILES, axis=1)
    return REMEMBERED[key]


def ratio_interval(part: Floats, whole: Floats, of: str = EFFECT_SIZE, floor: Floor | None = None) -> Estimate:
    """Ratio of means, Σ part / Σ whole, with a percentile bootstrap interval over prompts.

    The ratio of means, and not the mean of ratios, because the latter explodes on prompts whose `whole` is near zero.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        of: what the whole is called.
        floor: what rounding may make up: a part that is no more on every prompt counts as zero.

    Raises:
        NoGap: as `require_gap`. Of a negative gap a share could be had, but it would count what takes the answer's lead
            away.
    """
    return ratio_intervals(part[None], whole, of, floor)[0]


def ratio_area_interval(
    parts: Floats,
    whole: Floats,
    summary: Callable[[Floats], Floats],
    of: str,
    method: str,
    floor: Floor | None = None,
) -> Estimate:
    """What several ratios of means to one whole come to, with a percentile bootstrap interval over prompts.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        summary: shares `part …` → `…`: a mean of absolute values, the area under a curve.
        of: what the whole is called.
        method: how the interval was made, for the record.
        floor: as of `ratio_interval`.

    Raises:
        NoGap: as `require_gap`.
    """
    require_gap(whole, of, floor)
    parts = parts if floor is None else floor.cleared(parts)
    low, high = np.quantile(summary(_shares(parts, whole)), PERCENTILES)
    value = float(summary(parts.mean(1) / whole.mean()))
    return Estimate(value, float(low), float(high), len(whole), f"share of {of}", method)


def ratio_intervals(parts: Floats, whole: Floats, of: str = EFFECT_SIZE, floor: Floor | None = None) -> list[Estimate]:
    """Return `ratio_interval` of each of several parts to one whole, in one go.

    Args:
        parts: `part prompt`.
        whole: `prompt`.
        of: what the whole is called.
        floor: as there.

    Raises:
        NoGap: as there.
    """
    require_gap(whole, of, floor)
    parts = parts if floor is None else floor.cleared(parts)
    low, high = _ends("ratio", lambda: _shares(parts, whole), parts, whole)
    values = parts.mean(1) / whole.mean()
    return [
        Estimate(float(value), float(a), float(b), len(whole), f"share of {of}", "bootstrap of the ratio of means")
        for value, a, b in zip(values, low, high, strict=True)
    ]


def ratio_parts(part: Floats, whole: Floats, unit: str, of: str = EFFECT_SIZE) -> Parts:
    """Return the two means of which `ratio_interval` is the ratio, each with its interval.

    Args:
        part: `prompt`, e.g. patched − corrupt.
        whole: `prompt`, e.g. clean − corrupt.
        unit: of the score.
        of: what the whole is called.
    """
    return Parts(mean_interval(part, unit), mean_interval(whole, unit), of)


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
    """A share of prompts with Wilson's score interval (Wilson 1927).

    Not a bootstrap: resampling n successes out of n gives an interval of no width, which n prompts do not earn.
    """
    share, z = successes / n, -float(ndtri(ALPHA / 2))
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = middle - reach if successes else 0.0
    high = middle + reach if successes < n else 1.0
    return Estimate(share, low, high, n, PROPORTION, "Wilson score")


def paired_proportion_interval(before: Floats, after: Floats) -> Estimate:
    """By how much a share of prompts differs from another on the same prompts, with Agresti and Min's interval.

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


def ratio_p_values(parts: Floats, whole: Floats, bound: float) -> tuple[Floats, Floats]:
    """One-sided p-values that a ratio of means is above, and that it is below, a bound.

    By Fieller's device: mean(part − bound · whole) against zero, a one-sample t-test on n − 1 degrees of freedom.

    Args:
        parts: `node prompt`.
        whole: `prompt`; its mean must be positive.

    Returns:
        p-values of H0 «ratio ≤ bound» and of H0 «ratio ≥ bound», each `node`.
    """
    excess = parts - bound * whole
    mean = excess.mean(1)
    error = excess.std(1, ddof=1) / math.sqrt(excess.shape[1])
    # A node with no variance at all (an effect of exactly zero scaled by a constant gap) is certain, not undefined.
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


def judge(estimate: Estimate, bound: Bound) -> Outcome:
    """Pass when the whole interval is within the bound, fail when the whole of it is beyond, else inconclusive."""
    low = -math.inf if bound.at_least is None else bound.at_least
    high = math.inf if bound.at_most is None else bound.at_most
    if low <= estimate.low and estimate.high <= high:
        return "pass"
    if estimate.high < low or estimate.low > high:
        return "fail"
    return "inconclusive"


def prompts_to_settle(estimate: Estimate, bound: Bound) -> int | None:
    """About how many prompts would bring the nearest bound out of the interval, the value staying where it is.

    Intervals shrink with √n. None when the value is within a hundredth of an interval of the bound: no number helps.
    """
    sides = [
        side for side in (bound.at_least, bound.at_most) if side is not None and estimate.low <= side <= estimate.high
    ]
    if not sides:
        return estimate.n
    needed = 0.0
    for side in sides:
        reach = estimate.value - estimate.low if side < estimate.value else estimate.high - estimate.value
        distance = abs(estimate.value - side)
        if distance < 0.01 * max(reach, 1e-12):
            return None
        needed = max(needed, estimate.n * (reach / distance) ** 2)
    return math.ceil(needed * 1.1)


@lru_cache(maxsize=64)
def bootstrap_weights(n: int) -> Floats:
    """Bootstrap weights, `resample prompt`, rows summing to one; the same for every estimate over n prompts."""
    drawn = np.random.default_rng(n).integers(n, size=(RESAMPLES, n))
    weights = np.empty((RESAMPLES, n))
    for first in range(0, RESAMPLES, COUNTED):  # all at once fall out of the processor's caches: seven times slower
        some = drawn[first : first + COUNTED]
        places = some + n * np.arange(len(some))[:, None]
        weights[first : first + COUNTED] = np.bincount(places.ravel(), minlength=some.size).reshape(some.shape)
    weights /= n
    return weights
