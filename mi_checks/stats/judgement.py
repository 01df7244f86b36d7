"""The comparison of an estimate with a bound: pass, fail or inconclusive."""

from __future__ import annotations

import math

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Outcome


def judge(estimate: Estimate, bound: Bound) -> Outcome:
    """Return pass if the interval lies within the bound, fail if it lies outside, and inconclusive otherwise.

    An estimate without an interval is inconclusive.
    """
    if estimate.refusal is not None:
        return "inconclusive"
    low = -math.inf if bound.at_least is None else bound.at_least
    high = math.inf if bound.at_most is None else bound.at_most
    if low <= estimate.low and estimate.high <= high:
        return "pass"
    if estimate.high < low or estimate.low > high:
        return "fail"
    return "inconclusive"


def observations_to_settle(estimate: Estimate, bound: Bound) -> int | None:
    """Return about how many observations would move the nearest bound out of the interval, if the value stays the same.

    Observations are the rows of the sampled factor that has the fewest, or prompts if they share none. Intervals shrink
    with the root of their number. None if the value is within a hundredth of an interval of the bound: no number is
    enough.
    """
    observations = estimate.n if estimate.clusters is None else estimate.clusters
    sides = [
        side for side in (bound.at_least, bound.at_most) if side is not None and estimate.low <= side <= estimate.high
    ]
    if not sides:
        return observations
    needed = 0.0
    for side in sides:
        reach = estimate.value - estimate.low if side < estimate.value else estimate.high - estimate.value
        distance = abs(estimate.value - side)
        if distance < 0.01 * max(reach, 1e-12):
            return None
        needed = max(needed, observations * (reach / distance) ** 2)
    return math.ceil(needed * 1.1)
