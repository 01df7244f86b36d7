"""The mistakes in a behaviour file, each with its position, the exception that lists them, and their wording."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mi_checks.errors import MiChecksError

Keys = tuple[str | int, ...]  # the path from the top of the file to a value: keys and list indices


@dataclass(frozen=True, order=True)
class SpecProblem:
    """A mistake in a file. `path` is the file as the user would name it; line and column count from 1."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class SpecError(MiChecksError):
    """The exception that lists every mistake in a file, in the file's order."""

    def __init__(self, problems: Iterable[SpecProblem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[SpecProblem, ...]]]:
        # By default an exception is unpickled from its message; pytest-xdist and multiprocessing pickle exceptions.
        return type(self), (self.problems,)


_MAX_SHOWN_CHARACTERS = 40


def dotted(path: Keys) -> str:
    """Return a place in a file as messages spell it: `checks[2].patching.nodes`."""
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text


def comma_list(words: Iterable[object]) -> str:
    """Return the words in the given order, with commas between them."""
    return ", ".join(str(word) for word in words)


def describe(value: Any) -> str:
    """Return a description of a value in a file: `the text 'many'`, `3`, `true`, `a list`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return (
            f"the text {value if len(value) <= _MAX_SHOWN_CHARACTERS else value[: _MAX_SHOWN_CHARACTERS - 1] + '…'!r}"
        )
    if isinstance(value, int | float):
        return (
            f"{value}" if isinstance(value, float) or abs(value) < 10**_MAX_SHOWN_CHARACTERS else "a very large number"
        )
    if isinstance(value, dict):
        return "a mapping"
    return "a list"
