"""The report of a `Run` as a folder: a first page, and a page with full details for every behaviour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mi_checks.files import write_file
from mi_checks.report.by_behaviour import Group, groups, models
from mi_checks.report.drawing import Drawing
from mi_checks.report.header import header
from mi_checks.report.html import environment, write
from mi_checks.report.neighbour_tests import Neighbours, neighbours
from mi_checks.report.report_place import Place
from mi_checks.report.sections import section
from mi_checks.report.tolerant import drawn_without_what_breaks
from mi_checks.results.run import Run

INDEX = "index.html"
KIND = "behaviour"  # the kind of page that its head declares
MAX_NAME_CHARS = 80  # characters of a behaviour's name that are used in the file name


def write_report(run: Run, place: Place, kept: str = "RUN") -> tuple[str, ...]:
    """Write the report of a run, as one page or as a folder of pages.

    Returns:
        Sentences about parts that could not be drawn and are therefore left out.

    Raises:
        MiChecksError: a file cannot be written there.
    """
    if place.folder:
        return write_folder(run, place.page.parent, kept)
    return write(run, place.page, kept)


def write_folder(run: Run, folder: Path, kept: str = "RUN") -> tuple[str, ...]:
    """Write all pages, the first page last, so that each is complete at any time and no link is dead.

    The page of a behaviour that the run no longer has is deleted if an earlier report wrote it.

    Returns:
        Sentences about parts that could not be drawn and are therefore left out.

    Raises:
        MiChecksError: a file cannot be written there.
    """
    written = set()
    all_pages, omitted = drawn_without_what_breaks(run, lambda run: list(pages(run, kept)))
    for name, page in all_pages:
        write_file(folder / name, page, "the report", "name another folder (--mi-report)")
        written.add(name)
    for path in folder.glob("*.html"):
        if path.name not in written and _ours(path):
            with suppress(OSError):  # a stale page does no harm
                path.unlink()
    return omitted


def pages(run: Run, kept: str = "RUN") -> Iterator[tuple[str, str]]:
    """Yield file names with their pages; `index.html` comes last."""
    gathered, columns = groups(run), models(run)
    files = dict(zip((group.anchor for group in gathered), names(group.behaviour for group in gathered), strict=True))

    def to(anchor: str) -> str:
        match = re.match(r"b\d+", anchor)
        return f"{files[match[0]]}#{anchor}" if match and match[0] in files else f"#{anchor}"

    inside = Drawing(environment(), kept, lambda anchor: f"{INDEX}#{anchor}" if anchor == "verdicts" else f"#{anchor}")
    outside = Drawing(environment(), kept, to)
    tests = neighbours(gathered)
    for group in gathered:
        yield files[group.anchor], _behaviour(inside, group, tests)
    shown = header(run)
    yield INDEX, outside.page(shown.headline, outside.banner(shown), outside.first(gathered, columns))


def _behaviour(drawing: Drawing, group: Group, tests: Neighbours | None) -> str:
    every = frozenset(pair.anchor for pair in group.pairs)
    shown = drawing.behaviour(section(group), every, drawing.alone(group, tests))
    return drawing.page(group.behaviour, drawing.home(INDEX), shown, KIND)


def names(behaviours: Iterable[str]) -> list[str]:
    """Return a file name of letters, digits, `.`, `_` and `-` for each behaviour, unique even if case is ignored."""
    taken, file_names = {INDEX}, []
    for behaviour in behaviours:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", behaviour)[:MAX_NAME_CHARS].strip("-.") or "behaviour"
        name, number = f"{plain}.html", 1
        while name.lower() in taken:
            number += 1
            name = f"{plain}-{number}.html"
        taken.add(name.lower())
        file_names.append(name)
    return file_names


def _ours(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return f'<meta name="generator" content="mi-checks {KIND}">' in file.read(1000)
    except OSError:
        return False
