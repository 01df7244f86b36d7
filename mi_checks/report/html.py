"""`Run` → HTML: the page is put together here, and written so that a reader never sees half of it."""

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

SPARE = 5_000  # bytes of the budget for what says that something was left out
EXAMPLES = 100  # prompt pairs on one page; of more, each model shows its first


def render(run: Run, kept: str = "RUN", limit: int | None = LIMIT) -> str:
    """The report of a run: one HTML document without references to anything outside it.

    Args:
        run: what is shown.
        kept: where the run is kept as JSON, for the command that shows what is left out here.
        limit: bytes, beyond which details are left out; None: nothing is.
    """
    gathered, columns = groups(run), models(run)
    many = limit is not None and sum(len(evidence.examples) for evidence in run.evidence) > EXAMPLES
    drawing = Drawing(environment(), kept, examples=1 if many else EXAMPLES)
    sections = {group.anchor: section(group) for group in gathered}
    shown = header(run)
    banner, first = drawing.banner(shown), drawing.first(gathered, columns)
    if limit is None:
        full = frozenset(pair.anchor for group in gathered for pair in group.pairs)
    else:
        of = {model.anchor: (each, model) for each in sections.values() for model in each.models}
        brief = sum(size(drawing.behaviour(each, frozenset())) for each in sections.values())
        room = limit - SPARE - brief - size(drawing.page(shown.headline, banner, first))
        full = in_full(gathered, room, lambda pair: drawing.cost(*of[pair.anchor]))
    body = Markup("").join(drawing.behaviour(each, full) for each in sections.values())
    return drawing.page(shown.headline, banner, first + body)


def write(run: Run, path: Path, kept: str = "RUN") -> tuple[str, ...]:
    """Write the report; an older one stays whole until the new one is.

    Returns:
        Sentences on what could not be drawn, and so is left out.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    page, omitted = drawn_without_what_breaks(run, lambda run: render(run, kept))
    write_file(path, page, "the report", "name another file (--mi-report)")
    return omitted


def size(text: str) -> int:
    """Bytes of it in a file."""
    return len(text.encode())


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
