"""The chart behind a verdict: the interval and its bound, above the distribution over prompts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import groupby

from mi_checks.output import numbers
from mi_checks.report.axis import Axis, fit
from mi_checks.results.run import CheckResult

WIDTH = 300
LEFT, RIGHT = 16, 284  # pixels; leaves room for the edge labels and for values beyond the axis
WHISKER_Y, STRIP_TOP, STRIP_HEIGHT = 22, 30, 18
BIN = 4  # pixels
BINS = (RIGHT - LEFT) // BIN


@dataclass(frozen=True)
class BoundLine:
    """A bound on the axis; `anchor` is the side on which its label is written."""

    x: float
    label: str
    anchor: str


@dataclass(frozen=True)
class IntervalChart:
    """The coordinates and texts of one chart."""

    title: str
    description: str
    css: str
    height: float
    axis_y: float
    permitted: tuple[float, float] | None  # x and width, in pixels
    bounds: tuple[BoundLine, ...]
    ticks: tuple[tuple[float, str], ...]
    low: float
    dot: float
    high: float
    strip: str  # one closed path; its height is the number of prompts
    below: int
    above: int


def interval_chart(result: CheckResult) -> IntervalChart | None:
    """Return the chart of a check, or None where no finite interval was measured."""
    estimate = result.estimate
    if estimate is None or not all(map(math.isfinite, (estimate.value, estimate.low, estimate.high))):
        return None
    prompts = [value for value in result.per_prompt if math.isfinite(value)]
    bounds = [bound for bound in (result.at_least, result.at_most) if bound is not None]
    whole = [0.0, 1.0] if "share" in estimate.unit or "probability" in estimate.unit else [0.0]
    axis = fit([estimate.low, estimate.value, estimate.high, *bounds, *whole], prompts, LEFT, RIGHT)
    below, above = sum(v < axis.low for v in prompts), sum(v > axis.high for v in prompts)
    axis_y = STRIP_TOP + STRIP_HEIGHT if prompts else STRIP_TOP
    return IntervalChart(
        title=f"{result.check} on {result.model}: {result.outcome}",
        description=_described(prompts, below + above),
        css=result.outcome,
        height=axis_y + 14,
        axis_y=axis_y,
        permitted=_permitted(result, axis),
        bounds=_bound_lines(result, axis),
        ticks=axis.ticks(),
        low=axis.x(estimate.low),
        dot=axis.x(estimate.value),
        high=axis.x(estimate.high),
        strip=_strip(prompts, axis),
        below=below,
        above=above,
    )


def _described(prompts: list[float], beyond: int) -> str:
    """Return what the chart adds to its row, which already has the value, the interval and the bound."""
    if not prompts:
        return "95 % interval against the bound."
    ordered = sorted(prompts)
    marks = (numbers.number(ordered[round(share * (len(ordered) - 1))]) for share in (0, 0.25, 0.5, 0.75, 1))
    text = f"Over {numbers.count(len(prompts), 'prompt')}: least {{}}, quartiles {{}}, {{}} and {{}}, most {{}}".format(
        *marks
    )
    return f"{text}; {numbers.count(beyond, 'prompt')} beyond the axis." if beyond else f"{text}."


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
            anchor = "end" if x > WIDTH - 60 else "start" if x < 60 else outward
            lines.append(BoundLine(x, f"{sign} {numbers.number(bound, None)}", anchor))
    return tuple(lines)


def _strip(prompts: list[float], axis: Axis) -> str:
    """Return the outline of a histogram as relative path steps, one for each run of bins of the same height."""
    counts, scale = [0] * BINS, BINS / (axis.high - axis.low)
    for value in prompts:
        if axis.low <= value <= axis.high:
            counts[min(int((value - axis.low) * scale), BINS - 1)] += 1
    max_count = max(counts)
    if not max_count:
        return ""
    # rounded up, so that a single prompt is visible
    heights = [math.ceil(STRIP_HEIGHT * count / max_count) for count in counts]
    steps, height = [], 0
    for run in (list(group) for _, group in groupby(heights)):
        steps.append(f"v{height - run[0]}" * (run[0] != height) + f"h{BIN * len(run)}")
        height = run[0]
    return f"M{LEFT} {STRIP_TOP + STRIP_HEIGHT}{''.join(steps)}v{height}z"
