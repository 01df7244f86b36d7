"""Names of pytest items, and the command that runs one of them again."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

# pytest's own options that determine the ini file, conftest.py files and plugins of a run.
_REPEATED = ("-c", "--rootdir", "--confcutdir", "--import-mode", "-o", "-p")
# Only these values of two of them: settings that determine what is collected, and plugins other than pytest's cache.
_REPEATED_VALUES = {"-o": "mi_|addopts|pythonpath|filterwarnings", "-p": "(?!(no:)?cacheprovider$)"}


def repeated_options(arguments: Sequence[str]) -> tuple[str, ...]:
    """Return the options of pytest on a command line that another run needs to collect the same items."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for flag in _REPEATED:
        longer = {"-c": ("--config-file",), "-o": ("--override-ini",)}.get(flag, ())
        parser.add_argument(flag, *longer, dest=flag, action="append", default=[])
    try:
        given, _ = parser.parse_known_args(arguments)
    except argparse.ArgumentError:  # an option without its value, which pytest has refused already
        return ()
    all_options = [(flag, value) for flag in _REPEATED for value in getattr(given, flag)]
    wanted = [
        (flag, value)
        for flag, value in all_options
        if flag not in _REPEATED_VALUES or re.match(_REPEATED_VALUES[flag], value)
    ]
    return tuple(word for flag, value in wanted for word in _words(flag, value))


def relative_path(path: Path, folder: Path) -> str:
    """Return a path relative to a folder, with forward slashes; unchanged if it is on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()


def node_names(models: Sequence[str]) -> Iterator[str]:
    """Yield a unique name for the node of each model, without characters that split an id on a command line."""
    taken: dict[str, int] = {}
    for model in models:
        name = re.sub(r"\s", "_", model).replace("[", "(").replace("]", ")").replace("::", ":")
        taken[name] = taken.get(name, 0) + 1
        yield name if taken[name] == 1 else f"{name}~{taken[name]}"


def rerun_command(node_id: str, root: Path, started_in: Path, options: Sequence[str]) -> str:
    """Return the command that runs one item again.

    Args:
        node_id: the item's id, whose path is relative to the root directory.
        root: pytest's root directory.
        started_in: the folder in which pytest was started; the path in the command is relative to it.
        options: further options of the command.
    """
    path, *names = node_id.split("::")
    file = Path(os.path.normpath(root / path))
    return shlex.join(["pytest", "::".join([relative_path(file, started_in), *names]), *options])


def _words(flag: str, value: str) -> tuple[str, ...]:
    return (f"{flag}={value}",) if flag.startswith("--") else (flag, value)
