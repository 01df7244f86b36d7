"""Charts of estimates with their intervals: one against its bound, one before and after, and one over several runs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from mi_checks.output import numbers
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.unit_text import sample_text
from mi_checks.report.axis import Axis, fit
from mi_checks.results.run import CheckResult
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.sampling import SamplingDesign


@dataclass(frozen=True)
class BoundLine:
    """A bound on the axis; `anchor` is the side on which its label is written."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class IntervalChart:
    """The coordinates and texts of a check's chart: the interval and its bound, above the distribution over prompts."""

    WIDTH: ClassVar[int] = 300
    LEFT: ClassVar[int] = 16  # pixels; leaves room for the edge labels and for values beyond the axis
    RIGHT: ClassVar[int] = 284
    WHISKER_Y: ClassVar[int] = 22
    STRIP_TOP: ClassVar[int] = 30
    STRIP_HEIGHT: ClassVar[int] = 18
    BIN_WIDTH: ClassVar[int] = 4  # pixels
    BINS: ClassVar[int] = (RIGHT - LEFT) // BIN_WIDTH

    title: str
    description: str
    css: str
    height: float
    axis_y: float
    permitted: tuple[float, float] | None  # x and width, in pixels
    bounds: tuple[BoundLine, ...]
    ticks: tuple[tuple[float, str], ...]
    low: float | None  # None without an interval: the dot is hollow then, and has no bar
    dot: float
    high: float | None
    strip: str  # one closed path; its height is the number of prompts
    below: int
    above: int


def interval_chart(result: CheckResult, design: SamplingDesign | None = None) -> IntervalChart | None:
    """Return the chart of a check, or None where nothing finite was measured.

    Args:
        result: the check.
        design: how the prompts were drawn; None if that is not known.
    """
    estimate = result.estimate
    if estimate is None or not all(map(math.isfinite, (estimate.value, estimate.low, estimate.high))):
        return None
    prompts = [value for value in result.per_prompt if math.isfinite(value)]
    bounds = [bound for bound in (result.at_least, result.at_most) if bound is not None]
    range_ends = [0.0, 1.0] if "fraction" in estimate.unit or "probability" in estimate.unit else [0.0]
    must_show = [estimate.low, estimate.value, estimate.high, *bounds, *range_ends]
    axis = fit(must_show, prompts, IntervalChart.LEFT, IntervalChart.RIGHT)
    below, above = sum(v < axis.low for v in prompts), sum(v > axis.high for v in prompts)
    axis_y = IntervalChart.STRIP_TOP + IntervalChart.STRIP_HEIGHT if prompts else IntervalChart.STRIP_TOP
    low, high = interval_ends(estimate, axis)
    return IntervalChart(
        title=f"{result.check} on {result.model}: {result.outcome}{_no_interval(estimate)}",
        description=_described(sample_text(estimate, design), prompts, below + above),
        css=result.outcome,
        height=axis_y + 14,
        axis_y=axis_y,
        permitted=_permitted(result, axis),
        bounds=_bound_lines(result, axis),
        ticks=axis.ticks(),
        low=low,
        dot=axis.x(estimate.value),
        high=high,
        strip=_strip(prompts, axis),
        below=below,
        above=above,
    )


def interval_ends(estimate: Estimate, axis: Axis) -> tuple[float, float] | tuple[None, None]:
    """Return the ends of an interval in pixels; None twice if there is none."""
    return (None, None) if estimate.refusal else (axis.x(estimate.low), axis.x(estimate.high))


def _no_interval(estimate: Estimate) -> str:
    return f"; no interval: {refusal_text(estimate.refusal)}" if estimate.refusal else ""


def _described(sample: str, prompts: list[float], beyond: int) -> str:
    """Return what the chart adds to its row, which already has the value, the interval and the bound."""
    if not prompts:
        return f"95 % interval {sample}, and bound."
    ordered = sorted(prompts)
    low, first, median, third, high = (
        numbers.number(ordered[round(fraction * (len(ordered) - 1))]) for fraction in (0, 0.25, 0.5, 0.75, 1)
    )
    text = f"Over {numbers.count(len(prompts), 'prompt')}: minimum {low}, quartiles {first}, {median} and {third}, "
    text += f"maximum {high}"
    text += f"; {numbers.count(beyond, 'prompt')} outside the axis." if beyond else "."
    shares_rows = " of " in sample
    return f"{text} The interval is {sample}." if shares_rows else text


def _permitted(result: CheckResult, axis: Axis) -> tuple[float, float] | None:
    if result.at_least is None and result.at_most is None:
        return None
    start = axis.left if result.at_least is None else axis.x(result.at_least)
    end = axis.right if result.at_most is None else axis.x(result.at_most)
    return start, round(end - start, 1)


def _bound_lines(result: CheckResult, axis: Axis) -> tuple[BoundLine, ...]:
    both = result.at_least is not None and result.at_most is not None
    lines = []
    for bound, sign, side in ((result.at_least, "≥", "start"), (result.at_most, "≤", "end")):
        if bound is not None:
            x = axis.x(bound)
            outward = {"start": "end", "end": "start"}[side] if both else side
            anchor = "end" if x > IntervalChart.WIDTH - 60 else "start" if x < 60 else outward
            lines.append(BoundLine(x, f"{sign} {numbers.number(bound, None)}", anchor))
    return tuple(lines)


def _strip(prompts: list[float], axis: Axis) -> str:
    """Return the outline of a histogram as relative path steps, one for each run of bins of the same height."""
    counts, scale = [0] * IntervalChart.BINS, IntervalChart.BINS / (axis.high - axis.low)
    for value in prompts:
        if axis.low <= value <= axis.high:
            counts[min(int((value - axis.low) * scale), IntervalChart.BINS - 1)] += 1
    max_count = max(counts)
    if not max_count:
        return ""
    # rounded up, so that a single prompt is visible
    heights = [math.ceil(IntervalChart.STRIP_HEIGHT * count / max_count) for count in counts]
    steps, height = [], 0
    for run in (list(group) for _, group in groupby(heights)):
        steps.append(f"v{height - run[0]}" * (run[0] != height) + f"h{IntervalChart.BIN_WIDTH * len(run)}")
        height = run[0]
    return f"M{IntervalChart.LEFT} {IntervalChart.STRIP_TOP + IntervalChart.STRIP_HEIGHT}{''.join(steps)}v{height}z"


@dataclass(frozen=True)
class IntervalMark:
    """An interval and its value, in pixels; without an interval, the value alone."""

    low: float | None
    dot: float
    high: float | None


@dataclass(frozen=True)
class DumbbellChart:
    """The coordinates and texts of an estimate before and after, on an axis that all charts of its unit share."""

    WIDTH: ClassVar[int] = 320
    HEIGHT: ClassVar[int] = 50
    LEFT: ClassVar[int] = 12
    RIGHT: ClassVar[int] = 308
    BEFORE_Y: ClassVar[int] = 9
    AFTER_Y: ClassVar[int] = 23
    AXIS_Y: ClassVar[int] = 34

    title: str
    description: str
    before: IntervalMark
    after: IntervalMark
    zero: float | None  # x of zero in pixels, if zero is on the axis
    ticks: tuple[tuple[float, str], ...]


def shared_axes(pairs: Iterable[tuple[Estimate | None, Estimate | None]]) -> dict[str, Axis]:
    """Return, for each unit, an axis that includes zero and fits every pair of that unit."""
    ends: dict[str, list[float]] = {}
    for pair in pairs:
        if is_drawable(*pair):
            for each in pair:
                if each is not None:
                    ends.setdefault(each.unit, [0.0]).extend((each.low, each.value, each.high))
    return {unit: fit(values, [], DumbbellChart.LEFT, DumbbellChart.RIGHT) for unit, values in ends.items()}


def is_drawable(before: Estimate | None, after: Estimate | None) -> bool:
    """Return whether both estimates exist, are finite and have the same unit."""
    if before is None or after is None or before.unit != after.unit:
        return False
    return all(math.isfinite(end) for each in (before, after) for end in (each.low, each.value, each.high))


def dumbbell_chart(title: str, before: Estimate, after: Estimate, axis: Axis) -> DumbbellChart:
    """Return the chart of one change; `axis` is the axis of its unit."""
    texts = [numbers.estimate_text(each) for each in (before, after)]
    return DumbbellChart(
        title=f"{title}{_no_interval(after) or _no_interval(before)}",
        description=f"before {texts[0]}, after {texts[1]} {after.unit}, with 95 % intervals",
        before=_interval_mark(before, axis),
        after=_interval_mark(after, axis),
        zero=axis.x(0) if axis.low <= 0 <= axis.high else None,
        ticks=axis.ticks(n_ticks=6),
    )


def _interval_mark(estimate: Estimate, axis: Axis) -> IntervalMark:
    low, high = interval_ends(estimate, axis)
    return IntervalMark(low, axis.x(estimate.value), high)


@dataclass(frozen=True)
class TrendPoint:
    """One run, in pixels; the y axis points down."""

    x: float
    y: float
    low: float | None  # None without an interval
    high: float | None


@dataclass(frozen=True)
class TrendChart:
    """The coordinates and texts of one effect over several runs: a line through the values, on an axis from zero."""

    STEP: ClassVar[int] = 28  # pixels between two runs
    HEIGHT: ClassVar[int] = 56
    MARGIN: ClassVar[int] = 14  # pixels on the left and on the right

    title: str
    description: str
    width: int
    zero: float
    line: str  # one path, with gaps where nothing was measured
    points: tuple[TrendPoint, ...]


def trend_chart(title: str, estimates: Sequence[Estimate | None]) -> TrendChart | None:
    """Return the chart, or None if fewer than two effects were measured."""
    measured = [each for each in estimates if each and all(map(math.isfinite, (each.low, each.value, each.high)))]
    if len(measured) < 2:
        return None
    ends = [end for each in measured for end in (each.low, each.value, each.high)]
    axis = fit([0.0, *ends], [], TrendChart.HEIGHT - 4, 4)
    points, path, pen = [], "", "M"
    for place, each in enumerate(estimates):
        if each not in measured or each is None:
            pen = "M"
            continue
        low, high = interval_ends(each, axis)
        y = axis.x(each.value)
        points.append(TrendPoint(TrendChart.MARGIN + TrendChart.STEP * place, y, low, high))
        path += f"{pen}{points[-1].x} {y}"
        pen = "L"
    texts = (numbers.estimate_text(each) if each else "not measured" for each in estimates)
    unit = measured[0].unit
    return TrendChart(
        title=title,
        description=f"In the order of the runs: {', '.join(texts)}; unit: {unit}, with 95 % intervals.",
        width=2 * TrendChart.MARGIN + TrendChart.STEP * (len(estimates) - 1),
        zero=axis.x(0),
        line=path,
        points=tuple(points),
    )
