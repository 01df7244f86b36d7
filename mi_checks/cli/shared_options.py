"""Options that several verbs share, the types of their values, and loading of the behaviours that they name."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from mi_checks.spec.load_file import LoadedBehaviour, select_case
from mi_checks.suite.selection import behaviour_files, load_files

N = TypeVar("N", int, float)


def number(parse: Callable[[str], N], form: str, fits: Callable[[N], bool]) -> Callable[[str], N]:
    """Return the argparse type of a number.

    Args:
        parse: converts the text, and raises ValueError if it cannot.
        form: what the number must be, for messages, such as `a number from 1`.
        fits: returns whether a number is allowed.
    """

    def read(text: str) -> N:
        try:
            value = parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: use {form}") from None
        if not fits(value):
            raise argparse.ArgumentTypeError(f"{text!r}: use {form}")
        return value

    return read


def digits(text: str) -> int:
    """Parse a number that is written with digits only.

    Raises:
        ValueError: the text has other characters.
    """
    if not text.isdecimal():
        raise ValueError(text)
    return int(text)


def at_least(least: int) -> Callable[[str], int]:
    """Return the argparse type of a whole number with a lower bound."""
    return number(digits, f"a whole number of at least {least}", lambda value: value >= least)


def add_format(parser: argparse.ArgumentParser, formats: Sequence[str]) -> None:
    """Add `--format`, whose default is the first of the formats."""
    *others, last = ("md (Markdown)" if each == "md" else each for each in formats)
    parser.add_argument(
        "--format", choices=formats, default=formats[0],
        help=f"{', '.join(others)} or {last} (default: {formats[0]})",
    )  # fmt: skip


def add_paths(parser: argparse.ArgumentParser) -> None:
    """Add the argument `paths`, the behaviour files and folders."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="*", type=Path, default=[Path("behaviours")],
        help="behaviour files, or folders that contain some (default: behaviours)",
    )  # fmt: skip


def add_prompts(parser: argparse.ArgumentParser, file: str = "each file") -> None:
    """Add `--count` and `--seed`; `file` names the file whose values they override."""
    parser.add_argument(
        "--count", metavar="N", type=at_least(2), help=f"number of prompt pairs (default: as {file} says)"
    )
    parser.add_argument("--seed", metavar="N", type=at_least(0), help=f"seed of the prompts (default: as {file} says)")


def behaviours_of(paths: Sequence[Path]) -> tuple[LoadedBehaviour, ...]:
    """Load the behaviours of files and folders, with the additions of their conftest.py files.

    Raises:
        SpecError: the files contain mistakes (the error lists all of them), or a conftest.py raised.
        MiChecksError: a path does not exist or contains no behaviour, or an addition of a conftest.py cannot be used.
    """
    return _loaded(paths, behaviour_files(paths))


def behaviour_of(file: Path, case: str | None) -> LoadedBehaviour:
    """Load the only behaviour of a file, or its case with the given name.

    Raises:
        SpecError: the file contains mistakes, or a conftest.py raised.
        MiChecksError: the file cannot be read; it has no such case, or several and no name was given; or an addition of
            a conftest.py cannot be used.
    """
    return select_case(_loaded([file], [file]), case, "--case {}".format)


def _loaded(paths: Sequence[Path], files: Sequence[Path]) -> tuple[LoadedBehaviour, ...]:
    # Imported late, so that `mi-checks models list` does not wait for pytest.
    from mi_checks.suite.conftests import additions_of

    root = Path.cwd()
    folders = tuple(dict.fromkeys(file.parent for file in files))
    return load_files(files, root, additions_of(paths, folders, root))
