"""`mi-checks history bisect`: the two neighbouring checkpoints between which a check turns."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from mi_checks.cli.shared_options import add_prompts, behaviour_of
from mi_checks.errors import MiChecksError
from mi_checks.output.json_text import json_text

DESCRIPTION = """\
Find two neighbouring checkpoints between which a check changes from pass to another outcome, or back, in an ordered
list of checkpoints. Both ends are measured, and then the middle of what remains, so that 64 checkpoints need 8
measurements. Measurements of the same weights, prompts, claims and version are taken from the history, and every new
one is added to it at once, so that an interrupted bisection continues where it stopped. If a check changes several
times, one of the changes is found. The exit code is 1 if both ends agree."""


def register(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], query_options: argparse.ArgumentParser
) -> None:
    """Add `bisect`; `query_options` has the options that all queries share."""
    parser = actions.add_parser(
        "bisect",
        parents=[query_options],
        help="find two checkpoints between which a check changes its outcome",
        description=DESCRIPTION,
    )
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="a behaviour file")
    add("--check", metavar="ID", required=True, help="the id of a check of the file, such as 'patching[induction]'")
    add("--over", metavar="NAME", action="append", required=True, help="the checkpoints in order: "
        "'nano-attn-2l@*', 'path/to/folder@*', or one checkpoint (repeatable)")  # fmt: skip
    add("--model", metavar="NAME", help="the model under whose claims the checkpoints run (default: the part of the "
        "first checkpoint's name before = or @)")  # fmt: skip
    add("--case", metavar="NAME", help="which case of the file, if it has several")
    add_prompts(parser, "the file")
    parser.set_defaults(run=bisect)


def bisect(options: argparse.Namespace) -> int:
    """Run `history bisect FILE --check ID --over NAME`; return 1 if both ends agree, otherwise 0.

    Raises:
        MiChecksError: an argument is wrong, or a checkpoint cannot be measured.
    """
    from mi_checks.history.run_store import History
    from mi_checks.models.model_checkpoints import expand_series
    from mi_checks.models.model_names import resolve, without_checkpoint_label
    from mi_checks.spec.load_file import claimed_check

    models = expand_series(options.over)
    if len(models) < 2:
        raise MiChecksError(
            f"--over names only {models[0]}; name at least two checkpoints, in order, or a series such as "
            "'nano-attn-2l@*'"
        )
    for model in models:
        resolve(model).check_loadable()
    first = resolve(models[0])
    claims = options.model or (first.claims if first.stands_in else resolve(without_checkpoint_label(models[0])).claims)
    loaded = behaviour_of(options.file, options.case)
    claimed_check(loaded, claims, options.check)
    from mi_checks.studies.bisect import bisect_output
    from mi_checks.studies.bisect.bisection import CheckBisection, CheckpointOutcome

    def tell(checkpoint: CheckpointOutcome) -> None:
        if options.format == "text":
            print(bisect_output.checkpoint_line(checkpoint, models), flush=True)

    with History.at(options.history, create=True) as history:
        bisection = CheckBisection(
            loaded, options.check, models, claims, history, command=shlex.join(["mi-checks", *sys.argv[1:]]),
            count=options.count, seed=options.seed, on_checkpoint=tell,
        ).run()  # fmt: skip
    as_json = options.format == "json"
    print(
        json_text(bisect_output.bisection_data(bisection))
        if as_json
        else "\n".join(bisect_output.bisection_lines(bisection, options.history))
    )
    return 1 if bisection.turns is None else 0
