"""Emergence as one HTML page: when behaviours and roles appear, a chart for each, and every value in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.output.tables import sparkline
from mi_checks.report.axis import Axis, fit
from mi_checks.report.renderer import template_environment
from mi_checks.studies.emergence import emergence_text
from mi_checks.studies.emergence.appearance import Appearance, Bracket, method_text
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries
from mi_checks.studies.emergence.emergence_results import Emergence, RoleCurve, SeriesResult

CHART_WIDTH, CHART_HEIGHT = 300, 132
LEFT, RIGHT, TOP, BOTTOM = 40, 284, 10, 112
CHARACTER_WIDTH = 6  # pixels; the width of one character of a label


@dataclass(frozen=True)
class ChartPoint:
    """One checkpoint of a line; `full` if the behaviour is present as claimed, or the role is bound to this node."""

    x: float
    y: float
    full: bool
    title: str


@dataclass(frozen=True)
class ChartLine:
    """A line of a chart, with the band of its interval, if any; all lines but the `main` ones are faint."""

    path: str
    band: str
    dots: tuple[ChartPoint, ...]
    main: bool


@dataclass(frozen=True)
class CurveChart:
    """The coordinates and texts of one chart."""

    title: str
    description: str
    lines: tuple[ChartLine, ...]
    shaded: tuple[tuple[float, float], ...]  # x and width in pixels of the brackets in which it appears, or disappears
    dashed: float | None  # y of a bound, in pixels
    zero: float | None  # y of zero, in pixels
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]  # the table: a row for each checkpoint


def effect_chart(appearance: Appearance, series: CheckpointSeries) -> CurveChart:
    """Return the chart of a behaviour's effect with the band of its 95 % interval."""
    estimates = [effect.estimate for effect in appearance.curve.effects]
    unit = estimates[0].unit
    ys = _y_axis([0.0, *(end for e in estimates for end in (e.low, e.value, e.high))])
    across = _x_axis(series)
    xs = across.xs(list(series.places))
    lows, highs = ys.xs([e.low for e in estimates]), ys.xs([e.high for e in estimates])
    texts = [emergence_text.effect_text(appearance, k, interval=True) for k in range(len(estimates))]
    dots = [
        ChartPoint(x, ys.x(e.value), effect.ability == "can", f"{label}: {value}")
        for x, e, effect, label, value in zip(
            xs, estimates, appearance.curve.effects, series.labels, texts, strict=True
        )
    ]
    band = f"{_svg_path(xs, highs)}L{_svg_path(xs[::-1], lows[::-1])[1:]}Z"
    return CurveChart(
        title=f"{emergence_text.behaviour_label(appearance)} on {series.model}: {_verdict_text(appearance, series)}",
        description=f"Effect in {unit} with its 95 % interval at {len(xs)} checkpoints; the values are in the table.",
        lines=(ChartLine(_svg_path(xs, [dot.y for dot in dots]), band, tuple(dots), main=True),),
        shaded=_shaded_spans([appearance.appears, appearance.disappears], series, across),
        dashed=None,
        zero=ys.x(0.0),
        x_ticks=_x_ticks(series, xs),
        y_ticks=ys.ticks(),
        columns=("effect", "ability"),
        rows=tuple(
            (label, (value, effect.ability))
            for label, value, effect in zip(series.labels, texts, appearance.curve.effects, strict=True)
        ),
    )


def role_chart(role: RoleCurve, series: CheckpointSeries) -> CurveChart:
    """Return the chart of the scores of every node that ever has a role, with the minimum score of a bound node."""
    tracks = role.tracks
    ys = _y_axis([0.0, 1.0, role.at_least, *(score for scores in tracks.values() for score in scores)])
    across = _x_axis(series)
    xs = across.xs(list(series.places))
    lines = []
    for node, scores in tracks.items():
        heights = ys.xs(list(scores))
        dots = [
            ChartPoint(x, y, node in at.nodes, f"{label}: {node} {number(score)}")
            for x, y, at, label, score in zip(xs, heights, role.at, series.labels, scores, strict=True)
        ]
        lines.append(ChartLine(_svg_path(xs, heights), "", tuple(dots), main=node in role.final_nodes))
    return CurveChart(
        title=f"role {role.role} on {series.model}: {emergence_text.role_text(role, series)}",
        description=f"Score {role.score} of {', '.join(tracks)}; a bound node scores at least {role.at_least:g}. At "
        f"the end: {', '.join(role.final_nodes)}. The values are in the table.",
        lines=tuple(lines),
        shaded=_shaded_spans([role.forms, role.disappears], series, across),
        dashed=ys.x(role.at_least),
        zero=ys.x(0.0),
        x_ticks=_x_ticks(series, xs),
        y_ticks=ys.ticks(),
        columns=tuple(tracks),
        rows=tuple(
            (label, tuple(f"{'✓ ' if n in at.nodes else ''}{number(tracks[n][k])}" for n in tracks))
            for k, (label, at) in enumerate(zip(series.labels, role.at, strict=True))
        ),
    )


def _verdict_text(appearance: Appearance, series: CheckpointSeries) -> str:
    verdict = emergence_text.appearance_text(appearance, series)
    return f"{verdict}: {appearance.reason}" if appearance.reason else verdict


def _y_axis(values: list[float]) -> Axis:
    axis = fit(values, [], 0, 1)
    return Axis(axis.low, axis.high, BOTTOM, TOP)


def _x_axis(series: CheckpointSeries) -> Axis:
    return Axis(series.places[0], series.places[-1], LEFT + 10, RIGHT - 4)


def _svg_path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in zip(xs, ys, strict=True))


def _shaded_spans(
    brackets: Sequence[Bracket | None], series: CheckpointSeries, across: Axis
) -> tuple[tuple[float, float], ...]:
    spans = []
    for bracket in brackets:
        if bracket is not None:
            start = LEFT if bracket.after is None else across.x(series.places[bracket.after])
            spans.append((start, round(across.x(series.places[bracket.by]) - start, 1)))
    return tuple(spans)


def _x_ticks(series: CheckpointSeries, xs: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Return the checkpoints with their labels; a label that would overlap the one before is left out."""
    ticks: list[tuple[float, str]] = []
    edge = 0.0
    for x, label in zip(xs, series.labels, strict=True):
        reach = len(label) * CHARACTER_WIDTH / 2
        ticks.append((x, label if x - reach > edge else ""))
        edge = x + reach + 2 if ticks[-1][1] else edge
    return tuple(ticks)


@dataclass(frozen=True)
class CurveFigure:
    """A chart with the text above it."""

    anchor: str
    name: str
    when: str
    sparkline: str
    note: str
    chart: CurveChart


@dataclass(frozen=True)
class SeriesSection:
    """One series."""

    anchor: str
    model: str
    headline: str
    roles: tuple[CurveFigure, ...]
    relations: tuple[str, ...]
    behaviours: tuple[CurveFigure, ...]
    unmeasured: tuple[tuple[str, str], ...]
    left_out: str


@dataclass(frozen=True)
class OverviewRow:
    """A behaviour or a role in the table at the top; a cell is None if the series does not have it."""

    name: str
    cells: tuple[CurveFigure | None, ...]


def render_page(emergence: Emergence) -> str:
    """Return one document, without scripts and without references to anything outside it."""
    sections = tuple(_section(result, place) for place, result in enumerate(emergence.series_results, 1))
    return (
        template_environment("mi_checks.studies.emergence")
        .get_template("emergence.html.j2")
        .render(
            sections=sections,
            tables=(
                ("behaviour", _overview_rows([section.behaviours for section in sections])),
                ("role", _overview_rows([section.roles for section in sections])),
            ),
            what=emergence_text.EFFECT_NOTE,
            role_words=emergence_text.ROLE_NOTE,
            method=method_text(emergence.tests),
            size={
                "BOTTOM": BOTTOM,
                "HEIGHT": CHART_HEIGHT,
                "LEFT": LEFT,
                "RIGHT": RIGHT,
                "TOP": TOP,
                "WIDTH": CHART_WIDTH,
            },
        )
    )


def _section(result: SeriesResult, place: int) -> SeriesSection:
    series = result.series
    behaviours = tuple(
        CurveFigure(
            f"b{place}-{number}",
            emergence_text.behaviour_label(each),
            emergence_text.appearance_text(each, series),
            emergence_text.effect_sparkline(each),
            each.reason,
            effect_chart(each, series),
        )
        for number, each in enumerate(result.in_order, 1)
    )
    roles = tuple(
        CurveFigure(
            f"r{place}-{number}",
            emergence_text.role_definition(role),
            emergence_text.role_text(role, series),
            sparkline([at.score for at in role.at], from_zero=True),
            f"at the end: {', '.join(role.final_nodes)}",
            role_chart(role, series),
        )
        for number, role in enumerate(result.roles, 1)
    )
    return SeriesSection(
        f"s{place}",
        series.model,
        emergence_text.headline(result),
        roles,
        tuple(emergence_text.timing_text(each, series) for each in result.relations),
        behaviours,
        tuple((", ".join(what), why) for why, what in emergence_text.unmeasured_reasons(result).items()),
        emergence_text.left_out_text(result),
    )


def _overview_rows(figures: Sequence[tuple[CurveFigure, ...]]) -> tuple[OverviewRow, ...]:
    by_name = [{figure.name: figure for figure in of_one} for of_one in figures]
    names = dict.fromkeys(name for of_one in by_name for name in of_one)
    return tuple(OverviewRow(name, tuple(of_one.get(name) for of_one in by_name)) for name in names)
