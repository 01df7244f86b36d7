"""The report of a `Run` as a folder: a first page, and a page with full details for every behaviour."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from mi_checks.files import write_file
from mi_checks.report.behaviour_results import BehaviourResults, model_names, results_by_behaviour
from mi_checks.report.behaviour_section import behaviour_section
from mi_checks.report.neighbour_comparisons import NeighbourComparisons, neighbour_comparisons
from mi_checks.report.renderer import ReportRenderer, template_environment
from mi_checks.report.report_destination import ReportDestination
from mi_checks.report.report_header import report_header
from mi_checks.report.single_page import draw_tolerantly, write_page
from mi_checks.results.run import Run

INDEX = "index.html"
PAGE_KIND = "behaviour"  # the kind of page that the head of a behaviour's page declares
MAX_NAME_CHARS = 80  # characters of a behaviour's name that are used in the file name


def write_report(run: Run, destination: ReportDestination, run_path: str = "RUN") -> tuple[str, ...]:
    """Write the report of a run, as one page or as a folder of pages.

    Returns:
        Sentences about parts that could not be drawn and are therefore left out.

    Raises:
        MiChecksError: a file cannot be written there.
    """
    if destination.folder:
        return write_folder(run, destination.page.parent, run_path)
    return write_page(run, destination.page, run_path)


def write_folder(run: Run, folder: Path, run_path: str = "RUN") -> tuple[str, ...]:
    """Write all pages, the first page last, so that each is complete at any time and no link is dead.

    The page of a behaviour that the run no longer has is deleted if an earlier report wrote it.

    Returns:
        Sentences about parts that could not be drawn and are therefore left out.

    Raises:
        MiChecksError: a file cannot be written there.
    """
    file_names = set()
    all_pages, omitted = draw_tolerantly(run, lambda run: list(pages(run, run_path)))
    for name, page in all_pages:
        write_file(folder / name, page, "the report", "name another folder (--mi-report)")
        file_names.add(name)
    for path in folder.glob("*.html"):
        if path.name not in file_names and _is_behaviour_page(path):
            with suppress(OSError):  # a stale page does no harm
                path.unlink()
    return omitted


def pages(run: Run, run_path: str = "RUN") -> Iterator[tuple[str, str]]:
    """Yield file names with their pages; `index.html` comes last."""
    behaviours, columns = results_by_behaviour(run), model_names(run)
    names = page_names(behaviour.behaviour for behaviour in behaviours)
    files = dict(zip((behaviour.anchor for behaviour in behaviours), names, strict=True))

    def link_from_index(anchor: str) -> str:
        match = re.match(r"b\d+", anchor)
        return f"{files[match[0]]}#{anchor}" if match and match[0] in files else f"#{anchor}"

    def link_from_behaviour(anchor: str) -> str:
        return f"{INDEX}#{anchor}" if anchor == "verdicts" else f"#{anchor}"

    comparisons = neighbour_comparisons(behaviours)
    renderer = ReportRenderer(template_environment(), run_path, link_from_behaviour)
    for behaviour in behaviours:
        yield files[behaviour.anchor], _behaviour_page(renderer, behaviour, comparisons)
    header = report_header(run)
    renderer = ReportRenderer(template_environment(), run_path, link_from_index)
    yield INDEX, renderer.page(header.headline, renderer.banner(header), renderer.first_part(behaviours, columns))


def _behaviour_page(
    renderer: ReportRenderer, behaviour: BehaviourResults, comparisons: NeighbourComparisons | None
) -> str:
    all_models = frozenset(model.anchor for model in behaviour.models)
    summary = renderer.behaviour_summary(behaviour, comparisons)
    body = renderer.behaviour(behaviour_section(behaviour), all_models, summary)
    return renderer.page(behaviour.behaviour, renderer.home(INDEX), body, PAGE_KIND)


def page_names(behaviours: Iterable[str]) -> list[str]:
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


def _is_behaviour_page(path: Path) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return f'<meta name="generator" content="mi-checks {PAGE_KIND}">' in file.read(1000)
    except OSError:
        return False
