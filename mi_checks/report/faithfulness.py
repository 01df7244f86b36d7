"""A chart of faithfulness over circuit size: a line with its interval band. A table repeats every value."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.report.axis import Axis, fit
from mi_checks.report.circuit_drawing import estimate_text
from mi_checks.results.evidence import Curve
from mi_checks.stats.estimate import Estimate

WIDTH, HEIGHT = 340, 180  # pixels
LEFT, RIGHT, TOP, BOTTOM = 34, 330, 10, 150


@dataclass(frozen=True)
class FaithfulnessView:
    """The coordinates and texts of one curve."""

    title: str
    name: str  # unique among the drawings of a page
    description: str
    caption: str
    line: str
    band: str
    dots: tuple[tuple[float, float, str], ...]  # x and y in pixels, text
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    one: float  # y in pixels of faithfulness 1, where a circuit does as well as the model
    rows: tuple[tuple[int, str], ...]


def faithfulness_view(curve: Curve, of: str = "") -> FaithfulnessView:
    """Lay out a curve; `of` names the behaviour and the model in the drawing's name."""
    among = curve.among.replace("_", " ")
    across = Axis(0, max(curve.nodes, 1), LEFT, RIGHT)
    ends = [end for point in curve.points for end in (point.faithfulness.low, point.faithfulness.high)]
    upward = fit([0.0, 1.0, *ends], [], BOTTOM, TOP)
    xs = [across.x(point.size) for point in curve.points]
    values = [point.faithfulness for point in curve.points]
    middle, low, high = (upward.xs([getattr(value, end) for value in values]) for end in ("value", "low", "high"))
    around = [*zip(xs, high, strict=True), *reversed(list(zip(xs, low, strict=True)))]
    return FaithfulnessView(
        title=f"Faithfulness of circuits among {among}, by size",
        name=f"Faithfulness of circuits among {among}{of}",
        description=f"From {_of(values[0])} with {curve.points[0].size} of {curve.nodes} nodes to "
        f"{_of(values[-1])} with {curve.points[-1].size}; the same values stand in the table below."
        if values
        else "No point was measured.",
        caption=f"CPR {estimate_text(curve.cpr)}, CMD {estimate_text(curve.cmd)}; {curve.ablation} ablation of "
        f"all else; on {numbers.count(curve.cpr.n, 'prompt')}",
        line=_path(list(zip(xs, middle, strict=True))),
        band=_path(around) + ("z" if around else ""),
        dots=tuple(
            (x, y, f"{point.size} of {curve.nodes} nodes: {estimate_text(point.faithfulness)}")
            for x, y, point in zip(xs, middle, curve.points, strict=True)
        ),
        x_ticks=tuple(tick for tick in across.ticks(6) if "." not in tick[1]),
        y_ticks=upward.ticks(4),
        one=upward.x(1.0),
        rows=tuple((point.size, estimate_text(point.faithfulness)) for point in curve.points),
    )


def _of(estimate: Estimate) -> str:
    return numbers.value(estimate)


def _path(points: list[tuple[float, float]]) -> str:
    return "".join(f"{'L' if place else 'M'}{x:g} {y:g}" for place, (x, y) in enumerate(points))
