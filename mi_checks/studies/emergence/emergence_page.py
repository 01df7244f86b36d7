"""Emergence as one HTML page: when behaviours and roles appear, a curve for each, and every value in a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.output.tables import sparkline
from mi_checks.report.renderer import template_environment
from mi_checks.studies.emergence import chart, emergence_words
from mi_checks.studies.emergence.chart import Chart, effect_chart, role_chart
from mi_checks.studies.emergence.effect_curve import method
from mi_checks.studies.emergence.findings import Emergence, Trained


@dataclass(frozen=True)
class Figure:
    """A chart with the text above it."""

    anchor: str
    name: str
    when: str
    sparkline: str
    note: str
    chart: Chart


@dataclass(frozen=True)
class Section:
    """One series."""

    anchor: str
    model: str
    headline: str
    roles: tuple[Figure, ...]
    relations: tuple[str, ...]
    behaviours: tuple[Figure, ...]
    unmeasured: tuple[tuple[str, str], ...]
    left_out: str


@dataclass(frozen=True)
class Row:
    """A behaviour or a role in the table at the top; a cell is None if the series does not have it."""

    name: str
    cells: tuple[Figure | None, ...]


def render(emergence: Emergence) -> str:
    """Return one document, without scripts and without references to anything outside it."""
    sections = tuple(_section(trained, place) for place, trained in enumerate(emergence.trained, 1))
    return (
        template_environment("mi_checks.studies.emergence")
        .get_template("emergence.html.j2")
        .render(
            sections=sections,
            tables=(
                ("behaviour", _rows([section.behaviours for section in sections])),
                ("role", _rows([section.roles for section in sections])),
            ),
            what=emergence_words.WHAT,
            role_words=emergence_words.ROLES,
            method=method(emergence.tests),
            size=chart,
        )
    )


def _section(trained: Trained, place: int) -> Section:
    series = trained.series
    behaviours = tuple(
        Figure(
            f"b{place}-{number}",
            emergence_words.label(each),
            emergence_words.when(each, series),
            emergence_words.curve(each),
            each.reason,
            effect_chart(each, series),
        )
        for number, each in enumerate(trained.in_order, 1)
    )
    roles = tuple(
        Figure(
            f"r{place}-{number}",
            emergence_words.definition(role),
            emergence_words.forms(role, series),
            sparkline([at.score for at in role.at], from_zero=True),
            f"carried at the end by {', '.join(role.carriers)}",
            role_chart(role, series),
        )
        for number, role in enumerate(trained.roles, 1)
    )
    return Section(
        f"s{place}",
        series.model,
        emergence_words.headline(trained),
        roles,
        tuple(emergence_words.relation(each, series) for each in trained.relations),
        behaviours,
        tuple((", ".join(what), why) for why, what in emergence_words.reasons(trained).items()),
        emergence_words.left_out(trained),
    )


def _rows(figures: Sequence[tuple[Figure, ...]]) -> tuple[Row, ...]:
    by_name = [{figure.name: figure for figure in of_one} for of_one in figures]
    names = dict.fromkeys(name for of_one in by_name for name in of_one)
    return tuple(Row(name, tuple(of_one.get(name) for of_one in by_name)) for name in names)
