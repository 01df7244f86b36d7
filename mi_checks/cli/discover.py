"""`mi-checks discover`: a draft of checks about the heads, neurons, paths and circuit behind a behaviour."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mi_checks.cli.progress_line import ProgressLine
from mi_checks.cli.shared_options import at_least, behaviour_of
from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import CLI_MEMORY_REMEDY, report_errors_at
from mi_checks.files import write_file
from mi_checks.models.model_names import resolve
from mi_checks.models.sources.packaged_model import cache_folder
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.studies.discovery.discovery_options import MAX_PAIRS, SEED_OFFSET, DiscoveryOptions, require_not_absent
from mi_checks.suite.threads import limit_to_one_thread, use_all_cores_if_faster

if TYPE_CHECKING:
    from mi_checks.models.loaded_model import LoadedModel

MEASUREMENTS_FOLDER = "measurements"  # their folder inside the cache
# prompts, and tokens in each, of the forward pass that measures the speedup from threads
N_TIMING_PROMPTS, TIMING_PROMPT_TOKENS = 16, 16
SIGINT_EXIT_CODE, SIGTERM_EXIT_CODE = 130, 143  # exit codes that shells report after SIGINT and SIGTERM
DESCRIPTION = f"""\
Find what carries a behaviour on a model: patch heads and neurons in both directions and the paths between them, look
for redundant copies and conjunctions, and prune a faithful circuit. What is found is verified on prompts on which
nothing was looked for, and written as a draft of `checks:` with the model's `nodes:` and the evidence of every line.
Its prompts are of another seed than the checks' (theirs + {SEED_OFFSET}), and none that a check uses is among them.
What is measured is kept, so that the same command goes on where it was stopped."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `discover`."""
    usual = DiscoveryOptions()
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
        f"as many as the checks use, at most {MAX_PAIRS})")  # fmt: skip
    add("--seed", metavar="N", type=at_least(0), help=f"their seed (default: the behaviour's + {SEED_OFFSET})")
    add("--above", metavar="SHARE", type=_share, default=usual.above, help="fraction of clean − corrupt that a node "
        "or path must significantly recover or remove, a neuron half of it (default: %(default)s)")  # fmt: skip
    add("--faithful", metavar="SHARE", type=_share, default=usual.faithful, help="faithfulness that a circuit's "
        "interval must keep, and by how little it may exceed 1: with 0.8 by 0.2 (default: %(default)s)")  # fmt: skip
    add("--exact-seconds", metavar="S", type=_seconds, default=usual.exact_seconds, help="sweeps expected to take "
        "longer are screened by gradients, and on fewer prompt pairs (default: %(default)g; inf: never)")  # fmt: skip
    add("--no-cache", action="store_true", help="measure everything anew, and neither read nor write the cache")
    add("--output", metavar="FILE", type=Path, help="write the draft there (default: to standard output)")
    add("--force", action="store_true", help="write over an output file that is there")
    parser.set_defaults(run=draft)


def draft(options: argparse.Namespace) -> int:
    """Run `discover FILE --model NAME` and return its exit code.

    Raises:
        MiChecksError: an argument is wrong, or there is nothing to discover.
    """
    output: Path | None = options.output
    if output is not None:
        check_output(output, force=options.force)
    resolve(options.model).require()
    with report_errors_at(f"{options.file}: reading it"):
        loaded = behaviour_of(options.file, options.case)
    require_not_absent(loaded, options.model)
    folder = None if options.no_cache or loaded.score is not None else cache_folder() / MEASUREMENTS_FOLDER
    with ProgressLine(sys.stderr) as waiting, _terminated_as_interrupted() as terminated:
        try:
            with report_errors_at(f"{options.file}: discovering what carries it on {options.model}", CLI_MEMORY_REMEDY):
                text = _drafted(loaded, options, folder, waiting)
        except KeyboardInterrupt as stopped:
            doing, kept = waiting.doing, getattr(stopped, "n_cached", 0)
            message = _stopped(doing, kept, folder)
        else:
            message = ""
    if message:
        print(f"mi-checks: {message}", file=sys.stderr)
        return SIGTERM_EXIT_CODE if terminated else SIGINT_EXIT_CODE
    if output is None:
        print(text, end="")
    else:
        write_file(output, text, "the draft", "name another file (--output)")
        print(f"written to {output}")
    return 0


def _drafted(loaded: LoadedBehaviour, options: argparse.Namespace, folder: Path | None, waiting: ProgressLine) -> str:
    """Return the draft as text."""
    with waiting.step(f"loading {options.model}"):
        limit_to_one_thread()
        from mi_checks.cache.cache_store import CacheStore
        from mi_checks.cache.cached_prompts_and_guards import with_guards
        from mi_checks.models.load_model import load
        from mi_checks.studies.discovery.discovery import explore
        from mi_checks.studies.discovery.draft_yaml import discovery_yaml

        store = None if folder is None else CacheStore(folder)
        loaded_model = with_guards(load(options.model), store)
        use_all_cores_if_faster(partial(_forward, loaded_model))
    settings = DiscoveryOptions(options.count, options.seed, options.above, options.faithful, options.exact_seconds)
    discovery = explore(
        loaded.behaviour, loaded_model, settings, progress=waiting.progress, score=loaded.score, store=store
    )
    if store is not None:
        store.prune()
    with waiting.step("writing the draft"):
        return discovery_yaml(discovery)


def _forward(loaded_model: LoadedModel) -> None:
    """Run a model on about as many tokens as a short behaviour has."""
    import torch

    device = next(loaded_model.bridge.parameters()).device
    with torch.no_grad():
        loaded_model.bridge(
            torch.zeros(
                (N_TIMING_PROMPTS, min(TIMING_PROMPT_TOKENS, loaded_model.n_ctx)), dtype=torch.long, device=device
            )
        )


def _stopped(doing: str, kept: int, folder: Path | None) -> str:
    """Return a message about how far an interrupted run came and how many of its measurements are cached."""
    where = f" while {doing}" if doing else ""
    if folder is None:
        why = "--no-cache" if kept == 0 else ""
        return f"stopped{where}; nothing is kept ({why or 'the behaviour has a score of its own'})"
    if not kept:
        return f"stopped{where}; nothing was measured yet"
    return f"stopped{where}; {kept:,} measurements are kept in {folder}, and the same command goes on from there"


@contextmanager
def _terminated_as_interrupted() -> Iterator[list[int]]:
    """Handle SIGTERM like Ctrl-C; yield a list that receives an entry when that happens."""
    received: list[int] = []

    def interrupt(number: int, _: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield received  # only the main thread receives signals
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)


def check_output(output: Path, *, force: bool) -> None:
    """Raise if the output file cannot be written.

    Raises:
        MiChecksError: it cannot be written, or it exists and `force` is false.
    """
    if output.is_dir() or not output.parent.is_dir() or not os.access(output.parent, os.W_OK):
        raise MiChecksError(f"--output {str(output)!r}: name a file in a folder that is there and can be written")
    if output.exists() and not force:
        raise MiChecksError(f"--output {str(output)!r} is there already; write over it with --force")


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: use a share between 0 and 1")
    return share


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not seconds >= 0:
        raise argparse.ArgumentTypeError(f"{text!r}: use a number of seconds, 0 or more, or inf")
    return seconds
