"""Mistakes in a behaviour file: each with its place, all of a file told at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mi_checks.errors import MiChecksError


@dataclass(frozen=True, order=True)
class Problem:
    """One mistake. `path` is the file as the user would name it; line and column count from 1."""

    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


class SpecError(MiChecksError):
    """Every mistake found in a file, in the order in which they stand there."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[SpecError], tuple[tuple[Problem, ...]]]:
        # The default rebuilds from the message; pytest-xdist and multiprocessing pickle exceptions.
        return type(self), (self.problems,)
