"""`mi-checks report`: the report of a run, redrawn from its JSON, or of several runs side by side."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mi_checks.errors import MiChecksError

OPTION = "--output"


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `report`."""
    parser = verbs.add_parser(
        "report",
        help="draw the report of one run, the changes between two runs, or three or more runs side by side",
        description="Draw runs that pytest has written (--mi-run; by default next to the report) as HTML that works "
        "offline. One run gives its report, as one page or, if --output is a folder, as one page per behaviour with "
        "all details; the report of an interrupted run has the checks that ran. Two runs give a page of what changed "
        "from the first to the second. Three or more runs, such as those of training checkpoints, give a page with one "
        "column for each and a curve for each effect.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="a run as JSON, such as reports/report.json")
    parser.add_argument(
        "-o",
        OPTION,
        metavar="PATH.html|DIR/",
        help="where to write the page; a folder, or a name that ends in /, gets index.html and, for one run, a page "
        "per behaviour (default for one run: next to its JSON)",
    )
    parser.set_defaults(run=run_report)


def run_report(options: argparse.Namespace) -> None:
    """Run `report`: write the page or pages, and print where the first one is.

    Raises:
        MiChecksError: a file is not a run, or the page cannot be written; the destination is checked first.
    """
    from mi_checks.compare.mediator_sets import mediator_changes
    from mi_checks.compare.run_comparison import compare_runs
    from mi_checks.report import comparison_page, series_page
    from mi_checks.report.report_destination import ReportDestination, report_destination, require_writable
    from mi_checks.report.report_folder import write_report
    from mi_checks.results.read_run import read_run

    paths: list[Path] = options.runs
    if options.output is None and len(paths) > 1:
        raise MiChecksError(f"{len(paths)} runs need a file for their page; name it with -o PATH.html")
    if options.output is None:
        destination = ReportDestination(paths[0].with_suffix(".html"), False)
    else:
        destination = report_destination(options.output, Path())
        require_writable(OPTION, destination.page)
    runs = [(str(path), read_run(path)) for path in paths]
    if destination.page in paths:
        raise MiChecksError(f"{OPTION}: {str(destination.page)!r} is the run itself; name another file")
    if len(runs) == 1:
        for sentence in write_report(runs[0][1], destination, runs[0][0]):
            print(sentence, file=sys.stderr)
    elif len(runs) == 2:
        (_, before), (_, after) = runs
        comparison_page.write_comparison(
            runs, compare_runs(before, after), mediator_changes(before, after), destination.page
        )
    else:
        series_page.write_series(runs, destination.page)
    print(f"report: {destination.page}")
