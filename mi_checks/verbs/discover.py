"""`mi-checks discover`: the heads, neurons, paths and circuit behind a behaviour, as a draft of checks."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from mi_checks.atomic import write_file
from mi_checks.discovery.declared import refuse_absent
from mi_checks.discovery.settings import MOST_PAIRS, SEED_OFFSET, Settings
from mi_checks.errors import MiChecksError
from mi_checks.models.names import resolve
from mi_checks.threads import one_thread
from mi_checks.unexpected import FEWER_PROMPTS, placed
from mi_checks.verbs.asked import behaviour_of
from mi_checks.verbs.whole_number import at_least

PATIENCE = 3.0  # seconds from the beginning before bars are shown
DESCRIPTION = f"""\
Find what carries a behaviour on a model: sweep heads, neurons and the paths between them, look for redundant pairs, and
prune a faithful circuit. What is found is verified on prompts on which nothing was looked for, and written as a draft
of `checks:` with the model's `nodes:` and the evidence of every line. Its prompts are of another seed than the checks'
(theirs + {SEED_OFFSET}), and none that a check uses is among them."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `discover`."""
    usual = Settings()
    parser = verbs.add_parser(
        "discover", help="heads, neurons, paths and a circuit behind a behaviour, as a draft of checks",
        description=DESCRIPTION,
    )  # fmt: skip
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="a behaviour file")
    add("--model", metavar="NAME", required=True, help="any name of `mi-checks models list`, a folder, gguf:FILE, "
        "org/name, NAME=these; the file need not name it")  # fmt: skip
    add("--case", metavar="NAME", help="one of the file's cases, where it has some")
    add("--count", metavar="N", type=at_least(2), help="prompt pairs to find on, and as many to verify on (default: "
        f"as many as the checks use, at most {MOST_PAIRS})")  # fmt: skip
    add("--seed", metavar="N", type=at_least(0), help=f"their seed (default: the behaviour's + {SEED_OFFSET})")
    add("--above", metavar="SHARE", type=_share, default=usual.above, help="of clean − corrupt, that a node or path "
        "must surely recover to be found, a neuron half of it (default: %(default)s)")  # fmt: skip
    add("--faithful", metavar="SHARE", type=_share, default=usual.faithful, help="faithfulness that a circuit must "
        "surely keep (default: %(default)s)")  # fmt: skip
    add("--output", metavar="FILE", type=Path, help="write the draft there (default: to standard output)")
    add("--force", action="store_true", help="write over an output file that is there")
    parser.set_defaults(run=draft)


def draft(options: argparse.Namespace) -> None:
    """`discover FILE --model NAME`.

    Raises:
        MiChecksError: a mistake in what was given, or there is nothing to discover.
    """
    output: Path | None = options.output
    if output is not None:
        check_output(output, force=options.force)
    resolve(options.model).require()
    with placed(f"{options.file}: reading it"):
        loaded = behaviour_of(options.file, options.case)
    refuse_absent(loaded, options.model)
    began = time.monotonic()
    one_thread()
    from mi_checks.discovery.discovery import discover
    from mi_checks.discovery.written import written

    settings = Settings(options.count, options.seed, options.above, options.faithful)
    with placed(f"{options.file}: discovering what carries it on {options.model}", FEWER_PROMPTS):
        text = written(discover(loaded, options.model, settings, progress=bars(began)))
    if output is None:
        print(text, end="")
    else:
        write_file(output, text, "the draft", "name another file (--output)")
        print(f"written to {output}")


def check_output(output: Path, *, force: bool) -> None:
    """Nothing, where a file can be written.

    Raises:
        MiChecksError: it cannot, or there is one already.
    """
    if output.is_dir() or not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise MiChecksError(f"--output {str(output)!r}: name a file in a folder that is there and can be written")
    if output.exists() and not force:
        raise MiChecksError(f"--output {str(output)!r} is there already; write over it with --force")


def bars(began: float) -> Callable[[Iterable[Any], int, str], Iterable[Any]]:
    """A bar for each sweep, on standard error where that is a terminal, from the third second on."""

    def bar(items: Iterable[Any], total: int, title: str) -> Iterable[Any]:
        from tqdm import tqdm

        delay = max(0.0, PATIENCE - (time.monotonic() - began))
        return tqdm(items, total=total, desc=title, delay=delay, leave=False, disable=not sys.stderr.isatty())

    return bar


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: use a share between 0 and 1")
    return share
