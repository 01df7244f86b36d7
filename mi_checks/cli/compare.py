"""`mi-checks compare`: the changes from one run to another."""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from mi_checks.cli.shared_options import add_format
from mi_checks.errors import MiChecksError


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `compare`."""
    parser = verbs.add_parser(
        "compare",
        help="list what changed from one run to another: two versions, two models or two checkpoints",
        description="Compare two runs that pytest has written (the JSON file written by --mi-run, by default next to "
        "the report): every check, on the same prompts. Checks are matched by behaviour, model and id. If each run has "
        "one model, its checks are matched with those of the other model. The exit code is 1 if anything drifted: an "
        "outcome got worse, a value moved significantly and not in favour of its claim, or the set of mediating heads "
        "changed.",
    )
    parser.add_argument("before", metavar="RUN", type=Path, help="the earlier run, such as reports/report.json")
    parser.add_argument("after", metavar="RUN", type=Path, help="the later run")
    add_format(parser, ("text", "json"))
    parser.add_argument(
        "--output", metavar="FILE", type=Path, help="also write the changes to FILE as a self-contained HTML page"
    )
    parser.set_defaults(run=run_compare)


def run_compare(options: argparse.Namespace) -> int:
    """Run `compare`; return 1 if anything drifted, otherwise 0.

    Raises:
        MiChecksError: a file is not a run, or the page cannot be written; or, after everything else is printed, no
            check of the runs could be compared.
    """
    # Imported late, so that `mi-checks models list` does not wait for scipy.
    from mi_checks.compare.mediator_sets import mediator_changes
    from mi_checks.compare.run_comparison import COMPARED_STATES, compare_runs, count_states
    from mi_checks.report import comparison_page, comparison_text
    from mi_checks.results.read_run import read_run

    before, after = read_run(options.before), read_run(options.after)
    runs = [(str(options.before), before), (str(options.after), after)]
    changes, mediators = compare_runs(before, after), mediator_changes(before, after)
    if options.format == "json":
        print(comparison_text.json_document(runs, changes, mediators))
    else:
        width = shutil.get_terminal_size((120, 24)).columns
        print("\n".join(comparison_text.lines(runs, changes, mediators, width)))
    if options.output is not None:
        comparison_page.write_comparison(runs, changes, mediators, options.output)
    state_counts = count_states(changes)
    if not mediators and not state_counts.keys() & COMPARED_STATES:
        sys.stdout.flush()  # the changes precede the error, which goes to stderr
        raise MiChecksError(
            "no check of one run can be compared with a check of the other; run the same behaviours in both, with the "
            "same --mi-count and --mi-seed, on models with the same tokenizer"
        )
    return 1 if mediators or "drifted" in state_counts else 0
