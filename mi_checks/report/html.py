"""The HTML page of a `Run`: rendering, and writing it atomically so that no reader sees a partial page."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mi_checks.files import write_file
from mi_checks.output.readable import readable
from mi_checks.report.budget import LIMIT, in_full
from mi_checks.report.by_behaviour import groups, models
from mi_checks.report.drawing import Drawing
from mi_checks.report.header import header
from mi_checks.report.sections import section
from mi_checks.report.tolerant import drawn_without_what_breaks
from mi_checks.results.run import Run

RESERVED_BYTES = 5_000  # bytes of the page budget reserved for the notes about omitted details
MAX_PAGE_EXAMPLES = 100  # prompt pairs on one page; above this, each model shows only its first


def render(run: Run, kept: str = "RUN", limit: int | None = LIMIT) -> str:
    """Return the report of a run as one HTML document without references to anything outside it.

    Args:
        run: the run to show.
        kept: the path of the run's JSON file, for the command that shows what is left out here.
        limit: the page budget in bytes, beyond which details are left out; None shows everything.
    """
    gathered, columns = groups(run), models(run)
    many = limit is not None and sum(len(evidence.examples) for evidence in run.evidence) > MAX_PAGE_EXAMPLES
    drawing = Drawing(environment(), kept, examples=1 if many else MAX_PAGE_EXAMPLES)
    sections = {group.anchor: section(group) for group in gathered}
    shown = header(run)
    banner, first = drawing.banner(shown), drawing.first(gathered, columns)
    if limit is None:
        full = frozenset(pair.anchor for group in gathered for pair in group.pairs)
    else:
        of = {model.anchor: (each, model) for each in sections.values() for model in each.models}
        brief = sum(size(drawing.behaviour(each, frozenset())) for each in sections.values())
        room = limit - RESERVED_BYTES - brief - size(drawing.page(shown.headline, banner, first))
        full = in_full(gathered, room, lambda pair: drawing.cost(*of[pair.anchor]))
    body = Markup("").join(drawing.behaviour(each, full) for each in sections.values())
    return drawing.page(shown.headline, banner, first + body)


def write(run: Run, path: Path, kept: str = "RUN") -> tuple[str, ...]:
    """Write the report; an older one stays intact until the new one is complete.

    Returns:
        Sentences about parts that could not be drawn and are therefore left out.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    page, omitted = drawn_without_what_breaks(run, lambda run: render(run, kept))
    write_file(path, page, "the report", "name another file (--mi-report)")
    return omitted


def size(text: str) -> int:
    """Return the size of a text in a file, in bytes."""
    return len(text.encode())


@cache
def environment(*packages: str) -> Environment:
    """Return an environment for the templates of these packages and the report's own, with all text escaped.

    Invisible characters are made visible before the escaping.
    """
    return Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in (*packages, "mi_checks.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )


def _shown(value: object) -> object:
    """Make invisible characters of a string visible; every string of a page passes through here before escaping."""
    return readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
