"""`Run` → HTML: the page is put together here, and written so that a reader never sees half of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mi_checks.atomic import write_file
from mi_checks.record import Run
from mi_checks.report import intervals, scale
from mi_checks.report.header import header
from mi_checks.report.matrix import matrix
from mi_checks.report.neighbours import neighbours
from mi_checks.report.pairs import groups, models
from mi_checks.report.problems import problems
from mi_checks.report.sections import section
from mi_checks.report.text import readable


def render(run: Run) -> str:
    """The report of a run: one HTML document, without scripts and without references to anything outside it."""
    gathered, columns = groups(run), models(run)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            header=header(run),
            models=columns,
            matrix=matrix(gathered, columns),
            neighbours=neighbours(gathered),
            problems=problems(gathered),
            sections=tuple(section(group) for group in gathered),
            chart=intervals,
            levels=scale.CLASSES,
            light=scale.rules(scale.LIGHT),
            dark=scale.rules(scale.DARK),
        )
    )


def write(run: Run, path: Path) -> None:
    """Write the report; an older one stays whole until the new one is.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    write_file(path, render(run), "the report", "name another file (--mi-report)")


@cache
def environment(*packages: str) -> Environment:
    """Templates of these packages, then of the report, in pages where everything is escaped and made visible."""
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in (*packages, "mi_checks.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """Every string passes here on its way into the page, before it is escaped."""
    return readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
