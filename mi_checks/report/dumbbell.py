"""The chart of an estimate before and after, with both intervals, on an axis shared by all charts of one unit."""

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
    """The coordinates and texts of one chart."""

    title: str
    description: str
    before: Whisker
    after: Whisker
    zero: float | None  # x of zero in pixels, if zero is on the axis
    ticks: tuple[tuple[float, str], ...]


def axes(pairs: Iterable[tuple[Estimate | None, Estimate | None]]) -> dict[str, Axis]:
    """Return, for each unit, an axis that includes zero and fits every pair of that unit."""
    ends: dict[str, list[float]] = {}
    for pair in pairs:
        if drawable(*pair):
            for each in pair:
                if each is not None:
                    ends.setdefault(each.unit, [0.0]).extend((each.low, each.value, each.high))
    return {unit: fit(values, [], LEFT, RIGHT) for unit, values in ends.items()}


def drawable(before: Estimate | None, after: Estimate | None) -> bool:
    """Return whether both estimates exist, are finite and have the same unit."""
    if before is None or after is None or before.unit != after.unit:
        return False
    return all(math.isfinite(end) for each in (before, after) for end in (each.low, each.value, each.high))


def dumbbell(title: str, before: Estimate, after: Estimate, axis: Axis) -> Dumbbell:
    """Return the chart of one change; `axis` is the axis of its unit."""
    texts = [numbers.estimate_text(each) for each in (before, after)]
    return Dumbbell(
        title=title,
        description=f"before {texts[0]}, after {texts[1]} {after.unit}, with 95 % intervals",
        before=_whisker(before, axis),
        after=_whisker(after, axis),
        zero=axis.x(0) if axis.low <= 0 <= axis.high else None,
        ticks=axis.ticks(about=6),
    )


def _whisker(estimate: Estimate, axis: Axis) -> Whisker:
    return Whisker(*axis.xs([estimate.low, estimate.value, estimate.high]))
