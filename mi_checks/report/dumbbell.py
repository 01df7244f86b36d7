"""An estimate before and after, with both intervals, on an axis that all of one unit share."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.report.axis import Axis, fit
from mi_checks.stats.estimate import Estimate

WIDTH = 320
LEFT, RIGHT = 12, 308
BEFORE_Y, AFTER_Y, AXIS_Y = 9, 23, 34
HEIGHT = AXIS_Y + 16


@dataclass(frozen=True)
class Whisker:
    """An interval and its value, in pixels."""

    low: float
    dot: float
    high: float


@dataclass(frozen=True)
class Dumbbell:
    """Coordinates and words of one chart."""

    title: str
    description: str
    before: Whisker
    after: Whisker
    zero: float | None  # where nothing is, if that is on the axis
    ticks: tuple[tuple[float, str], ...]


def axes(pairs: Iterable[tuple[Estimate | None, Estimate | None]]) -> dict[str, Axis]:
    """Unit → an axis on which every pair of that unit can be drawn, from zero."""
    ends: dict[str, list[float]] = {}
    for pair in pairs:
        if drawable(*pair):
            for each in pair:
                if each is not None:
                    ends.setdefault(each.unit, [0.0]).extend((each.low, each.value, each.high))
    return {unit: fit(values, [], LEFT, RIGHT) for unit, values in ends.items()}


def drawable(before: Estimate | None, after: Estimate | None) -> bool:
    """Whether both are there, finite, and of one unit."""
    if before is None or after is None or before.unit != after.unit:
        return False
    return all(math.isfinite(end) for each in (before, after) for end in (each.low, each.value, each.high))


def dumbbell(title: str, before: Estimate, after: Estimate, axis: Axis) -> Dumbbell:
    """The chart of one change; `axis` is that of its unit."""
    told = [f"{numbers.value(each)} {numbers.interval(each)}" for each in (before, after)]
    return Dumbbell(
        title=title,
        description=f"before {told[0]}, after {told[1]} {after.unit}, with 95 % intervals",
        before=_whisker(before, axis),
        after=_whisker(after, axis),
        zero=axis.x(0) if axis.low <= 0 <= axis.high else None,
        ticks=axis.ticks(about=6),
    )


def _whisker(estimate: Estimate, axis: Axis) -> Whisker:
    return Whisker(*axis.xs([estimate.low, estimate.value, estimate.high]))
