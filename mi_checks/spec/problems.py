"""The mistakes in a behaviour file, each with its position, and the exception that lists all of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mi_checks.errors import MiChecksError


@dataclass(frozen=True, order=True)
class Problem:
    """A mistake in a file. `path` is the file as the user would name it; line and column count from 1."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class SpecError(MiChecksError):
    """The exception that lists every mistake in a file, in the file's order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Problem, ...]]]:
        # By default an exception is unpickled from its message; pytest-xdist and multiprocessing pickle exceptions.
        return type(self), (self.problems,)
