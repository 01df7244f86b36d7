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
        help="the report of a run that pytest has written; of two, what changed; of more, side by side",
        description="Draw runs that pytest has written (--mi-run; by default beside the report) as HTML that needs no "
        "network. One run: its report, as one page or, with a folder for --output, in full on a page per behaviour; a "
        "run that was cut short is shown as far as it came. Two runs: what changed from the first to the second. "
        "Three and more, such as those of training checkpoints: a column for each, with the effects as curves.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="such as reports/report.json")
    parser.add_argument(
        "-o",
        OPTION,
        metavar="PATH.html|DIR/",
        help="where it goes; a name that ends in / or that of a folder gets index.html and, of one run, a page per "
        "behaviour (default: beside the run, where there is one)",
    )
    parser.set_defaults(run=show)


def show(options: argparse.Namespace) -> None:
    """Run `report`: write the page or pages, and print where the first one is.

    Raises:
        MiChecksError: a file is not a run, or the page cannot be written; the destination is checked first.
    """
    from mi_checks.compare.mediator_sets import mediator_changes
    from mi_checks.compare.run_comparison import compare
    from mi_checks.report import comparison_page, series_page
    from mi_checks.report.report_destination import ReportDestination, report_destination, require_writable
    from mi_checks.report.report_folder import write_report
    from mi_checks.results.read_run import read_run

    paths: list[Path] = options.runs
    if options.output is None and len(paths) > 1:
        raise MiChecksError(f"{len(paths)} runs have no file of their own: say where their page goes (-o PATH.html)")
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
            runs, compare(before, after), mediator_changes(before, after), destination.page
        )
    else:
        series_page.write_series(runs, destination.page)
    print(f"report: {destination.page}")
