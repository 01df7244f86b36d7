"""Charts of curves over checkpoints; a table repeats every value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.report.axis import Axis, fit
from mi_checks.studies.emergence import emergence_words
from mi_checks.studies.emergence.appearance import Appearance
from mi_checks.studies.emergence.bracket import Bracket
from mi_checks.studies.emergence.checkpoint_series import Series
from mi_checks.studies.emergence.role_curve import RoleCurve

WIDTH, HEIGHT = 300, 132
LEFT, RIGHT, TOP, BOTTOM = 40, 284, 10, 112
CHARACTER_WIDTH = 6  # pixels; the width of one character of a label


@dataclass(frozen=True)
class Dot:
    """One checkpoint of a line; `full` if the behaviour is present as claimed, or the role is bound to this node."""

    x: float
    y: float
    full: bool
    title: str


@dataclass(frozen=True)
class Line:
    """One line, with the band of its interval if it has one; `main` lines are drawn strongly, others faintly."""

    path: str
    band: str
    dots: tuple[Dot, ...]
    main: bool


@dataclass(frozen=True)
class Chart:
    """The coordinates and texts of one chart."""

    title: str
    description: str
    lines: tuple[Line, ...]
    shaded: tuple[tuple[float, float], ...]  # x and width in pixels of the brackets in which it appears, or disappears
    dashed: float | None  # y of a bound, in pixels
    zero: float | None  # y of zero, in pixels
    x_ticks: tuple[tuple[float, str], ...]
    y_ticks: tuple[tuple[float, str], ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]  # the table: a row for each checkpoint


def effect_chart(appearance: Appearance, series: Series) -> Chart:
    """Return the chart of a behaviour's effect with the band of its 95 % interval."""
    estimates = [effect.estimate for effect in appearance.curve.effects]
    unit = estimates[0].unit
    ys = _vertical([0.0, *(end for e in estimates for end in (e.low, e.value, e.high))])
    across = _horizontal(series)
    xs = across.xs(list(series.places))
    lows, highs = ys.xs([e.low for e in estimates]), ys.xs([e.high for e in estimates])
    texts = [emergence_words.value(appearance, k, interval=True) for k in range(len(estimates))]
    dots = [
        Dot(x, ys.x(e.value), effect.ability == "can", f"{label}: {value}")
        for x, e, effect, label, value in zip(
            xs, estimates, appearance.curve.effects, series.labels, texts, strict=True
        )
    ]
    band = f"{_path(xs, highs)}L{_path(xs[::-1], lows[::-1])[1:]}Z"
    return Chart(
        title=f"{emergence_words.label(appearance)} on {series.model}: {_verdict(appearance, series)}",
        description=f"Effect in {unit} with its 95 % interval at {len(xs)} checkpoints; the values are in the table.",
        lines=(Line(_path(xs, [dot.y for dot in dots]), band, tuple(dots), main=True),),
        shaded=_shaded([appearance.appears, appearance.goes], series, across),
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


def role_chart(role: RoleCurve, series: Series) -> Chart:
    """Return the chart of the scores of every node that ever has a role, with the minimum score of a bound node."""
    tracks = role.tracks
    ys = _vertical([0.0, 1.0, role.at_least, *(score for scores in tracks.values() for score in scores)])
    across = _horizontal(series)
    xs = across.xs(list(series.places))
    lines = []
    for node, scores in tracks.items():
        heights = ys.xs(list(scores))
        dots = [
            Dot(x, y, node in at.nodes, f"{label}: {node} {number(score)}")
            for x, y, at, label, score in zip(xs, heights, role.at, series.labels, scores, strict=True)
        ]
        lines.append(Line(_path(xs, heights), "", tuple(dots), main=node in role.carriers))
    return Chart(
        title=f"role {role.role} on {series.model}: {emergence_words.forms(role, series)}",
        description=f"Score {role.score} of {', '.join(tracks)}; a bound node scores at least {role.at_least:g}. At "
        f"the end it is carried by {', '.join(role.carriers)}. The values are in the table.",
        lines=tuple(lines),
        shaded=_shaded([role.forms, role.goes], series, across),
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


def _verdict(appearance: Appearance, series: Series) -> str:
    verdict = emergence_words.when(appearance, series)
    return f"{verdict}: {appearance.reason}" if appearance.reason else verdict


def _vertical(values: list[float]) -> Axis:
    axis = fit(values, [], 0, 1)
    return Axis(axis.low, axis.high, BOTTOM, TOP)


def _horizontal(series: Series) -> Axis:
    return Axis(series.places[0], series.places[-1], LEFT + 10, RIGHT - 4)


def _path(xs: Sequence[float], ys: Sequence[float]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in zip(xs, ys, strict=True))


def _shaded(brackets: Sequence[Bracket | None], series: Series, across: Axis) -> tuple[tuple[float, float], ...]:
    spans = []
    for bracket in brackets:
        if bracket is not None:
            start = LEFT if bracket.after is None else across.x(series.places[bracket.after])
            spans.append((start, round(across.x(series.places[bracket.by]) - start, 1)))
    return tuple(spans)


def _x_ticks(series: Series, xs: Sequence[float]) -> tuple[tuple[float, str], ...]:
    """Return the checkpoints with their labels; a label that would overlap the one before is left out."""
    ticks: list[tuple[float, str]] = []
    edge = 0.0
    for x, label in zip(xs, series.labels, strict=True):
        reach = len(label) * CHARACTER_WIDTH / 2
        ticks.append((x, label if x - reach > edge else ""))
        edge = x + reach + 2 if ticks[-1][1] else edge
    return tuple(ticks)
