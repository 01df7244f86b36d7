"""`mi-checks history`: a database of runs, with the course of a check or a head over them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from mi_checks.cli import history_bisect
from mi_checks.cli.shared_options import add_format, at_least
from mi_checks.errors import MiChecksError
from mi_checks.history import DEFAULT_HISTORY
from mi_checks.history.model_run import ORDERS
from mi_checks.output.json_text import json_text

DESCRIPTION = """\
Store runs in one SQLite file. pytest adds its run if --mi-history names the file, and `import` adds runs from JSON
files. A run that the file already contains is not added again."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `history` with its actions."""
    parser = verbs.add_parser(
        "history", help="store runs in a database, follow a check or a head over time, and bisect checkpoints",
        description=DESCRIPTION,
    )  # fmt: skip
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    everywhere = argparse.ArgumentParser(add_help=False)
    everywhere.add_argument(
        "--history", metavar="PATH", type=Path, default=DEFAULT_HISTORY, help="the database (default: %(default)s)"
    )
    query_options = argparse.ArgumentParser(add_help=False, parents=[everywhere])
    add_format(query_options, ("text", "json"))

    ordered = argparse.ArgumentParser(add_help=False)
    ordered.add_argument(
        "--order", choices=ORDERS, default="time",
        help="order of the runs: by time, or by training checkpoint (default: time)",
    )  # fmt: skip

    importing = actions.add_parser(
        "import", parents=[everywhere], help="add runs from JSON files, or from folders of them"
    )
    importing.add_argument("runs", metavar="RUN", nargs="+", type=Path, help="a run as JSON, or a folder of them")
    importing.set_defaults(run=import_files)

    listing = actions.add_parser("list", parents=[query_options], help="list all runs in the order in which they began")
    listing.add_argument("--last", metavar="N", type=at_least(1), help="show only the last N runs")
    listing.set_defaults(run=list_runs)

    showing = actions.add_parser(
        "show",
        parents=[query_options, ordered],
        help="show the checks of a behaviour over time or, with --check, one of them run by run",
    )
    showing.add_argument("behaviour", metavar="BEHAVIOUR", help="the name of a behaviour, such as induction")
    showing.add_argument("--check", metavar="ID", help="the id of a check, such as 'patching[induction]'")
    showing.add_argument("--model", metavar="NAME", help="show only results on this model")
    showing.add_argument("--last", metavar="N", type=at_least(1), help="show only the last N runs")
    showing.set_defaults(run=show_behaviour)

    mediating = actions.add_parser(
        "mediators", parents=[query_options, ordered], help="show since when, and until when, a head mediates a "
        "behaviour",
        description="Show in which runs a head mediates a behaviour: the whole 95 % interval of the fraction of clean "
        "− corrupt that it recovers alone is above 0.1. A run has intervals for its strongest heads; for the others, "
        "it has only the fraction.",
    )  # fmt: skip
    mediating.add_argument("behaviour", metavar="BEHAVIOUR", help="the name of a behaviour, such as induction")
    mediating.add_argument("node", metavar="NODE", help="a head, such as L1H2")
    mediating.add_argument("--model", metavar="NAME", help="show only results on this model")
    mediating.add_argument(
        "--at", metavar="LABEL", help="show only effects of patching at this label ('': all positions)"
    )
    mediating.set_defaults(run=mediators)

    exporting = actions.add_parser(
        "export", parents=[everywhere], help="write a run as JSON again, for mi-checks compare"
    )
    exporting.add_argument(
        "run_called", metavar="RUN", help="the beginning of the run's digest, as `history list` shows it"
    )
    exporting.add_argument("file", metavar="FILE", type=Path, help="the file to write")
    exporting.set_defaults(run=export)

    history_bisect.register(actions, query_options)


def import_files(options: argparse.Namespace) -> None:
    """Run `history import`.

    Raises:
        MiChecksError: a file is not a run, which is reported after all others are added; or the history cannot be
            written.
    """
    from mi_checks.history.run_store import History, import_runs

    with History.at(options.history, create=True) as history:
        imported = import_runs(history, options.runs)
    print(f"{options.history}: {imported.new:,} new, {imported.known:,} known")
    if imported.skipped:
        first = f"such as {imported.skipped[0]}"
        number = f"{len(imported.skipped):,} JSON file{'s' if len(imported.skipped) > 1 else ''}"
        print(f"skipped {number} in the folders that contain no run, {first}")
    if imported.errors:
        sys.stdout.flush()
        others = len(imported.errors) - 1
        more = f" (and {others:,} more file{'s' if others > 1 else ''})" if others else ""
        raise MiChecksError(f"{imported.errors[0]}{more}")


def list_runs(options: argparse.Namespace) -> None:
    """Run `history list`.

    Raises:
        MiChecksError: there is no history file, or it cannot be read.
    """
    from mi_checks.history import history_json, history_text
    from mi_checks.history.database import reporting_damage
    from mi_checks.history.run_store import History, run_summaries

    with History.at(options.history) as history, reporting_damage(options.history):
        summaries = run_summaries(history, options.last)
        as_json = options.format == "json"
        print(
            json_text(history_json.run_list(summaries))
            if as_json
            else "\n".join(history_text.run_list(options.history, summaries))
        )


def show_behaviour(options: argparse.Namespace) -> None:
    """Run `history show`.

    Raises:
        MiChecksError: the history has no such behaviour, check or model, or cannot be read.
    """
    from mi_checks.history import history_json, history_text
    from mi_checks.history.check_over_time import check_histories, check_summaries
    from mi_checks.history.database import reporting_damage
    from mi_checks.history.run_store import History

    how = {"order": options.order, "last": options.last}
    as_json = options.format == "json"
    with History.at(options.history) as history, reporting_damage(options.history):
        if options.check is None:
            short = check_summaries(history, options.behaviour, options.model, **how)
            print(
                json_text(history_json.check_summaries(short))
                if as_json
                else "\n".join(history_text.check_summaries(short))
            )
            return
        all_courses = check_histories(history, options.behaviour, options.check, options.model, **how)
        if as_json:
            print(json_text(history_json.check_histories(all_courses)))
        else:
            print("\n\n".join("\n".join(history_text.check_history(each)) for each in all_courses))


def mediators(options: argparse.Namespace) -> None:
    """Run `history mediators`.

    Raises:
        MiChecksError: no run in the history has a sweep with that head, or the history cannot be read.
    """
    from mi_checks.history import history_json, history_text
    from mi_checks.history.database import reporting_damage
    from mi_checks.history.head_over_time import head_histories
    from mi_checks.history.run_store import History

    with History.at(options.history) as history, reporting_damage(options.history):
        results = head_histories(
            history, options.behaviour, options.node, options.model, options.at, order=options.order
        )
        if options.format == "json":
            print(json_text(history_json.head_histories(results)))
        else:
            print("\n\n".join("\n".join(history_text.head_history(each)) for each in results))


def export(options: argparse.Namespace) -> None:
    """Run `history export`.

    Raises:
        MiChecksError: no run has that digest, or the file cannot be written.
    """
    from mi_checks.files import replace_text
    from mi_checks.history.database import reporting_damage
    from mi_checks.history.run_store import History

    with History.at(options.history) as history, reporting_damage(options.history):
        text = history.text(options.run_called)
    try:
        replace_text(options.file, text)
    except OSError as error:
        raise MiChecksError(f"cannot write the run to {options.file}: {error.strerror or error}") from None
    print(f"written to {options.file}")
