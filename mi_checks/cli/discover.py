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
from mi_checks.cli.shared_options import at_least, behaviour_of, number
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
FRACTION = number(float, "a fraction between 0 and 1", lambda value: 0 < value < 1)
SECONDS = number(float, "a number of seconds, 0 or more, or inf", lambda value: value >= 0)
DESCRIPTION = f"""\
Find the heads, neurons, paths and circuit behind a behaviour on a model: denoise and noise heads and neurons, patch the
paths between them, look for redundant nodes and conjunctions, and prune to a faithful circuit. The results are verified
on held-out prompts and written as a draft of `checks:`, with the model's `nodes:` and the evidence for every line. None
of the prompts is used by a check; their seed is the behaviour's + {SEED_OFFSET}. Measurements are cached, so that after
an interruption the same command continues where it stopped."""


def register(verbs: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `discover`."""
    usual = DiscoveryOptions()
    parser = verbs.add_parser(
        "discover", help="find the heads, neurons, paths and circuit behind a behaviour, and draft checks about them",
        description=DESCRIPTION,
    )  # fmt: skip
    add = parser.add_argument
    add("file", metavar="FILE", type=Path, help="a behaviour file")
    add("--model", metavar="NAME", required=True, help="a name from `mi-checks models list`, a folder, "
        "gguf:FILE, org/name, or NAME=MODEL to use MODEL under the claims made for NAME; the file need not "
        "list it")  # fmt: skip
    add("--case", metavar="NAME", help="which case of the file, if it has several")
    add("--count", metavar="N", type=at_least(2), help="number of prompt pairs for discovery, and again for "
        f"verification (default: as many as the checks use, at most {MAX_PAIRS})")  # fmt: skip
    add("--seed", metavar="N", type=at_least(0), help=f"seed of the prompts (default: the behaviour's + {SEED_OFFSET})")
    add("--above", metavar="FRACTION", type=FRACTION, default=usual.above, help="fraction of clean − corrupt that a "
        "node or path must significantly recover or remove; half of it for a neuron (default: "
        "%(default)s)")  # fmt: skip
    add("--faithful", metavar="FRACTION", type=FRACTION, default=usual.faithful, help="lower bound f on the "
        "faithfulness of the circuit; its interval must lie in [f, 2 − f] (default: %(default)s)")  # fmt: skip
    add("--exact-seconds", metavar="S", type=SECONDS, default=usual.exact_seconds, help="if a sweep is "
        "expected to take longer than this, use fewer prompt pairs or patch only the nodes that attribution patching "
        "selects (default: %(default)g; inf: never)")  # fmt: skip
    add("--no-cache", action="store_true", help="measure everything again; do not read or write the cache")
    add("--output", metavar="FILE", type=Path, help="write the draft to this file (default: to standard output)")
    add("--force", action="store_true", help="overwrite an existing output file")
    parser.set_defaults(run=draft)


def draft(options: argparse.Namespace) -> int:
    """Run `discover FILE --model NAME` and return its exit code.

    Raises:
        MiChecksError: an argument is wrong, or there is nothing to discover.
    """
    output: Path | None = options.output
    if output is not None:
        check_output(output, force=options.force)
    resolve(options.model).check_loadable()
    with report_errors_at(f"{options.file}: reading it"):
        loaded = behaviour_of(options.file, options.case)
    require_not_absent(loaded, options.model)
    folder = None if options.no_cache or loaded.score is not None else cache_folder() / MEASUREMENTS_FOLDER
    with ProgressLine(sys.stderr) as progress, _sigterm_interrupts() as sigterms:
        try:
            with report_errors_at(f"{options.file}: discovering its circuit on {options.model}", CLI_MEMORY_REMEDY):
                text = _draft_text(loaded, options, folder, progress)
        except KeyboardInterrupt as stopped:
            message = _interruption_message(progress.current_step, getattr(stopped, "n_cached", 0), folder)
        else:
            message = ""
    if message:
        print(f"mi-checks: {message}", file=sys.stderr)
        return SIGTERM_EXIT_CODE if sigterms else SIGINT_EXIT_CODE
    if output is None:
        print(text, end="")
    else:
        write_file(output, text, "the draft", "name another file (--output)")
        print(f"written to {output}")
    return 0


def _draft_text(
    loaded: LoadedBehaviour, options: argparse.Namespace, folder: Path | None, progress: ProgressLine
) -> str:
    """Return the draft as text."""
    with progress.step(f"loading {options.model}"):
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
        loaded.behaviour, loaded_model, settings, progress=progress.progress, score=loaded.score, store=store
    )
    if store is not None:
        store.prune()
    with progress.step("writing the draft"):
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


def _interruption_message(step: str, n_cached: int, folder: Path | None) -> str:
    """Return a message about how far an interrupted run came and how many of its measurements are cached."""
    where = f" while {step}" if step else ""
    if folder is None:
        why = "--no-cache" if n_cached == 0 else "the behaviour has a score of its own"
        return f"stopped{where}; no measurements are cached ({why})"
    if not n_cached:
        return f"stopped{where}; nothing was measured yet"
    return f"stopped{where}; {n_cached:,} measurements are cached in {folder}; run the same command to continue"


@contextmanager
def _sigterm_interrupts() -> Iterator[list[int]]:
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
        raise MiChecksError(f"--output {str(output)!r}: name a file in an existing folder that can be written to")
    if output.exists() and not force:
        raise MiChecksError(f"--output {str(output)!r} already exists; overwrite it with --force")
