"""How items are named and run again: paths as seen from a folder, names of nodes, and the command for one item."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

# pytest's own options that decide which ini file, conftest.py files and plugins a run has.
_REPEATED = ("-c", "--rootdir", "--confcutdir", "--import-mode", "-o", "-p")
# Of two of them only these values: settings that say what is collected, and plugins other than pytest's cache.
_ONLY = {"-o": "mi_|addopts|pythonpath|filterwarnings", "-p": "(?!(no:)?cacheprovider$)"}


def repeated_options(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return those of pytest's own options on a command line that another run needs to collect the same items."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in _REPEATED:
        longer = {"-c": ("--config-file",), "-o": ("--override-ini",)}.get(flag, ())
        parser.add_argument(flag, *longer, dest=flag, action="append", default=[])
    try:
        given, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:  # an option without its value, which pytest has refused already
        return ()
    found = [(flag, value) for flag in _REPEATED for value in getattr(given, flag)]
    wanted = [(flag, value) for flag, value in found if flag not in _ONLY or re.match(_ONLY[flag], value)]
    return tuple(word for flag, value in wanted for word in _words(flag, value))


def seen_from(path: Path, folder: Path) -> str:
    """Return a path as seen from a folder, with forward slashes; as it is where no way leads there."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def node_names(models: Sequence[str]) -> Iterator[str]:
    """Yield a name for the node of each model: without what splits an id on a command line, and no name twice."""
    taken: dict[str, int] = {}
    for model in models:
        name = re.sub(r"\s", "_", model).replace("[", "(").replace("]", ")").replace("::", ":")
        taken[name] = taken.get(name, 0) + 1
        yield name if taken[name] == 1 else f"{name}~{taken[name]}"


def rerun_command(node_id: str, root: Path, started_in: Path, options: Sequence[str]) -> str:
    """Return the command for one item.

    Args:
        node_id: its id, whose path counts from the root directory.
        root: the root directory.
        started_in: the folder that pytest was started in, from which the path in the command counts.
        options: what goes with it.
    """
    path, *names = node_id.split("::")
    file = Path(os.path.normpath(root / path))
    return shlex.join(["pytest", "::".join([seen_from(file, started_in), *names]), *options])


def _words(flag: str, value: str) -> tuple[str, ...]:
    return (f"{flag}={value}",) if flag.startswith("--") else (flag, value)
