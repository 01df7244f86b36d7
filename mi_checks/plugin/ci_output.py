"""What one run tells a CI server: gathered while it collects, written when it ends. Light to import."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.results.run import Run
from mi_checks.spec.load_file import shown_path
from mi_checks.spec.problems import Problem, SpecError

STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


@dataclass(frozen=True)
class CiAsked:
    """What a run is to tell.

    Attributes:
        summary: where the Markdown paragraph goes; None: nowhere.
        annotate: whether failures are printed as GitHub's annotations.
    """

    summary: Path | None = None
    annotate: bool = False


class Told:
    """What pytest's session asks about CI.

    Attributes:
        failed: why the summary could not be written; empty as long as it was.
    """

    def __init__(self, root: Path, asked: CiAsked) -> None:
        self._root = root
        self._asked = asked
        self._mistakes: dict[Problem, None] = {}  # each once, though every worker meets it
        self._written = False
        self.failed: list[str] = []

    def mistaken(self, error: MiChecksError, path: Path) -> None:
        """Note that a file could not be collected."""
        problems = error.problems if isinstance(error, SpecError) else ()
        for problem in problems or (Problem(shown_path(path, self._root), 1, 1, str(error)),):
            self._mistakes[problem] = None

    def write(self, run: Run, unwritten: Sequence[str]) -> None:
        """Write the summary, if one is asked for and there is anything to say; `failed` says why it could not be.

        Args:
            run: what was measured.
            unwritten: why other files could not be written.
        """
        wrong = [*map(str, self._mistakes), *unwritten]
        if self._asked.summary is None or not (run.results or run.mutants or wrong):
            return
        from mi_checks.ci.paragraph import paragraph

        try:
            _put(self._asked.summary, paragraph(run, wrong) + "\n")
        except MiChecksError as error:
            self.failed.append(str(error))
        else:
            self._written = True

    def lines(self, run: Run, unwritten: Sequence[str]) -> list[str]:
        """For the last lines of the terminal: where the summary is, and annotations."""
        found = list(self.failed)
        if self._asked.summary is not None and self._written:
            found.append(f"summary: {shown_path(self._asked.summary, self._root)}")
        if self._asked.annotate:
            from mi_checks.ci.annotations import Base, commands
            from mi_checks.ci.failures import failures

            wrong = [*self._mistakes, *(Problem("", 0, 0, why) for why in (*unwritten, *self.failed))]
            found += commands(wrong, failures(run), Base(self._root), run.lints)
        return found

    def to_wire(self) -> list[Any]:
        """For the controller of `pytest -n`, which collects nothing."""
        return [[each.path, each.line, each.column, each.message] for each in self._mistakes]

    def from_wire(self, wire: list[Any]) -> None:
        """Take over what a worker met."""
        self._mistakes |= {Problem(*each): None for each in wire}


def _put(path: Path, text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Write the summary, or add it to GitHub's file, which all commands of a step share."""
    from mi_checks.files import write_file

    step = environment.get(STEP_SUMMARY)
    if not step or path.resolve() != Path(step).resolve():
        write_file(path, text, "the summary", "name another file (--mi-summary)")
        return
    try:
        with path.open("a", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(f"\n\n{text}" if path.stat().st_size else text)
    except OSError as error:
        raise MiChecksError(
            f"cannot add the summary to {path}: {error.strerror or error}; name another file (--mi-summary)"
        ) from error
