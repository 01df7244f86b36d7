"""A chart of one effect over several runs: its values with intervals, joined by a line, on an axis from zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.report.axis import fit
from mi_checks.stats.estimate import Estimate

STEP, HEIGHT, MARGIN = 28, 56, 14  # pixels: between runs; height of the drawing; left and right margin


@dataclass(frozen=True)
class Point:
    """One run, in pixels; the y axis points down."""

    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Trend:
    """The coordinates and texts of one chart."""

    title: str
    description: str
    width: int
    zero: float
    line: str  # one path, with gaps where nothing was measured
    points: tuple[Point, ...]


def trend(title: str, estimates: Sequence[Estimate | None]) -> Trend | None:
    """Return the chart, or None if fewer than two effects were measured."""
    measured = [each for each in estimates if each and all(map(math.isfinite, (each.low, each.value, each.high)))]
    if len(measured) < 2:
        return None
    axis = fit([0.0, *(end for each in measured for end in (each.low, each.value, each.high))], [], HEIGHT - 4, 4)
    points, path, pen = [], "", "M"
    for place, each in enumerate(estimates):
        if each not in measured or each is None:
            pen = "M"
            continue
        low, y, high = axis.xs([each.low, each.value, each.high])
        points.append(Point(MARGIN + STEP * place, y, low, high))
        path += f"{pen}{points[-1].x} {y}"
        pen = "L"
    texts = (numbers.estimate_text(each) if each else "not measured" for each in estimates)
    return Trend(
        title=title,
        description=f"In the order of the runs: {', '.join(texts)}; in {measured[0].unit}, with 95 % intervals.",
        width=2 * MARGIN + STEP * (len(estimates) - 1),
        zero=axis.x(0),
        line=path,
        points=tuple(points),
    )
