"""Names of the pytest nodes of a run, and the command that runs one item again."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

from mi_checks.files import relative_path

# pytest's own options that determine the ini file, conftest.py files and plugins of a run.
_REPEATED_OPTIONS = ("-c", "--rootdir", "--confcutdir", "--import-mode", "-o", "-p")
# Only values that match are repeated: for -o, settings that affect collection; for -p, plugins except cacheprovider.
_VALUE_PATTERNS = {"-o": "mi_|addopts|pythonpath|filterwarnings", "-p": "(?!(no:)?cacheprovider$)"}


def repeated_options(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the options of pytest on a command line that another run needs to collect the same items."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in _REPEATED_OPTIONS:
        long_names = {"-c": ("--config-file",), "-o": ("--override-ini",)}.get(flag, ())
        parser.add_argument(flag, *long_names, dest=flag, action="append", default=[])
    try:
        given, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:  # an option without its value: pytest would have exited before this
        return ()
    all_options = [(flag, value) for flag in _REPEATED_OPTIONS for value in getattr(given, flag)]
    wanted = [
        (flag, value)
        for flag, value in all_options
        if flag not in _VALUE_PATTERNS or re.match(_VALUE_PATTERNS[flag], value)
    ]
    return tuple(word for flag, value in wanted for word in _option_words(flag, value))


def collector_names(models: Sequence[str]) -> Iterator[str]:
    """Yield a unique name for the collector of each model, with `[`, `]`, `::` and spaces replaced."""
    taken: dict[str, int] = {}
    for model in models:
        name = re.sub(r"\s", "_", model).replace("[", "(").replace("]", ")").replace("::", ":")
        taken[name] = taken.get(name, 0) + 1
        yield name if taken[name] == 1 else f"{name}~{taken[name]}"


def rerun_command(node_id: str, root: Path, invocation_folder: Path, options: Sequence[str]) -> str:
    """Return the command that runs one item again.

    Args:
        node_id: the item's id, whose path is relative to the root directory.
        root: pytest's root directory.
        invocation_folder: the folder in which pytest was invoked; the path in the command is relative to it.
        options: further options of the command.
    """
    path, *names = node_id.split("::")
    file = Path(os.path.normpath(root / path))
    return shlex.join(["pytest", "::".join([relative_path(file, invocation_folder), *names]), *options])


def _option_words(flag: str, value: str) -> tuple[str, ...]:
    return (f"{flag}={value}",) if flag.startswith("--") else (flag, value)
