"""The files that a pytest run writes when it ends: the run, the report, the history and the CI summary.

Light to import.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import report_cause, report_errors_at
from mi_checks.history.run_store import Entry, History
from mi_checks.plugin.baseline_files import BaselineFiles
from mi_checks.plugin.lock_files import LockFiles
from mi_checks.plugin.options import CiOptions
from mi_checks.plugin.session_results import SessionResults
from mi_checks.results.journal import forget, parts
from mi_checks.results.run import Run
from mi_checks.results.write_run import run_text
from mi_checks.spec.load_file import display_path
from mi_checks.spec.problems import SpecError, SpecProblem


class HistoryWriter:
    """What pytest's session asks about the history.

    Attributes:
        failed: why the run could not be added; empty as long as it could.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self.failed = ""
        self._path = path
        self._root = root
        self._added = False

    def add(self, run: Run, written: Path) -> None:
        """Add the run, which is in a file already: whatever happens here, it can be imported from there."""
        if self._path is None:
            return
        place = str(written.absolute())
        try:
            with History.at(self._path, create=True) as history:
                history.add([Entry(run, run_text(run), place)])
            self._added = True
        except MiChecksError as error:
            self.failed = f"{error}; the run itself is kept, and mi-checks history import {written} adds it later"

    def summary(self) -> list[str]:
        """Return the terminal's last line about the history."""
        if self._path is None or not (self._added or self.failed):
            return []
        return [f"history: {self.failed or display_path(self._path, self._root)}"]


STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class CiWriter:
    """What pytest's session asks about CI.

    Attributes:
        failed: why the summary could not be written; empty as long as it was.
    """

    def __init__(self, root: Path, asked: CiOptions) -> None:
        self._root = root
        self._asked = asked
        self._mistakes: dict[SpecProblem, None] = {}  # each once, though every worker meets it
        self._written = False
        self.failed: list[str] = []

    def mistaken(self, error: MiChecksError, path: Path) -> None:
        """Note that a file could not be collected."""
        problems = error.problems if isinstance(error, SpecError) else ()
        for problem in problems or (SpecProblem(display_path(path, self._root), 1, 1, str(error)),):
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
        from mi_checks.ci.ci_summary import ci_summary

        try:
            _put(self._asked.summary, ci_summary(run, wrong) + "\n")
        except MiChecksError as error:
            self.failed.append(str(error))
        else:
            self._written = True

    def lines(self, run: Run, unwritten: Sequence[str]) -> list[str]:
        """For the last lines of the terminal: where the summary is, and annotations."""
        found = list(self.failed)
        if self._asked.summary is not None and self._written:
            found.append(f"summary: {display_path(self._asked.summary, self._root)}")
        if self._asked.annotate:
            from mi_checks.ci.annotations import AnnotationPaths, commands
            from mi_checks.ci.failures import failures

            wrong = [*self._mistakes, *(SpecProblem("", 0, 0, why) for why in (*unwritten, *self.failed))]
            found += commands(wrong, failures(run), AnnotationPaths(self._root), run.lints)
        return found

    def to_wire(self) -> list[Any]:
        """For the controller of `pytest -n`, which collects nothing."""
        return [[each.path, each.line, each.column, each.message] for each in self._mistakes]

    def from_wire(self, wire: list[Any]) -> None:
        """Take over what a worker met."""
        self._mistakes |= {SpecProblem(*each): None for each in wire}


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


class OutputFiles:
    """Writes the run and all that is made of it, each whatever happens to the others.

    Attributes:
        written: report and run, where they were put.
        unwritten: why what was asked for could not be written.
    """

    def __init__(self, root: Path, gathered: SessionResults, locks: LockFiles, baselines: BaselineFiles) -> None:
        """Begin with nothing written."""
        self.root = root
        self.options = gathered.options
        self.gathered = gathered
        self.locks = locks
        self.baselines = baselines
        self.history = HistoryWriter(self.options.history, root)
        self.ci = CiWriter(root, self.options.ci)
        self.written: list[str] = []
        self.unwritten: list[str] = []

    def finish(self, *, crashed: bool = False) -> None:
        """Write the run and all that is made of it; what could not be written is in `unwritten`.

        Args:
            crashed: whether a worker of `pytest -n` did, so that its results are in its journal alone.
        """
        self._wrote("writing what was measured", partial(self._finish, crashed=crashed))

    def _finish(self, *, crashed: bool) -> None:
        """Write the run and, if anything ran, all that is made of it; keep what is kept within its limit.

        Each is written whatever happens to the others, and the run first: it holds all results. What is asked of a run
        and cannot be written is in `unwritten`, and what cannot be drawn of it is left out.
        """
        if crashed and parts(self.options.kept_run):
            with self.gathered.omitted.suppressing("the journal of a worker that crashed"):
                self.gathered.take_journal()
        run = self.gathered.record()
        report, kept = (relative(path, self.root) for path in (self.options.report.page, self.options.kept_run))
        if self.gathered.results and self._wrote(f"writing the run to {kept}", partial(self._write_run, run)):
            self.written.append(f"run: {kept}")
            with self.gathered.omitted.suppressing("the removal of the journal"):
                forget(self.options.kept_run)
        self._wrote("writing the lock files of roles", self.locks.write)
        finish = partial(self.baselines.finish, self.gathered.results, self.gathered.evidence, self.gathered.provenance)
        self._wrote("writing baselines", finish)
        if self.gathered.results:
            with self.gathered.omitted.suppressing(f"the report {report}"):
                self._write_report(run, report, kept)
            with self.gathered.omitted.suppressing(f"the entry of this run, which is in {kept}, in the history"):
                self.history.add(run, self.options.kept_run)
        with self.gathered.omitted.suppressing("the summary for CI"):
            self.ci.write(run, self.left)
        if self.gathered.reuse["requested"] and self.options.kept is not None:
            from mi_checks.cache.cache_store import CacheStore

            with self.gathered.omitted.suppressing("the pruning of the cache"):
                CacheStore(self.options.kept).prune()

    @property
    def failed(self) -> bool:
        """Whether a file could not be written."""
        return bool(self.left or self.ci.failed)

    @property
    def left(self) -> list[str]:
        """Why files could not be written."""
        history = [self.history.failed] if self.history.failed else []
        return [*self.locks.failed, *self.baselines.failed, *self.unwritten, *history]

    def _wrote(self, doing: str, write: Callable[[], None]) -> bool:
        """Whether what was asked for could be written; why not is in `unwritten`."""
        try:
            with report_errors_at(doing):
                write()
        except MiChecksError as error:
            report_cause(error)
            self.unwritten.append(str(error))
            return False
        return True

    def _write_run(self, run: Run) -> None:
        from mi_checks.results.write_run import write_run

        write_run(run, self.options.kept_run)

    def _write_report(self, run: Run, report: str, kept: str) -> None:
        """Write it, without what cannot be drawn.

        Raises:
            Exception: nothing of it can be drawn.
        """
        from mi_checks.report.report_folder import write_report

        try:
            for sentence in write_report(run, self.options.report, kept):
                self.gathered.omitted.add_sentence(sentence)
        except MiChecksError as error:
            report_cause(error)
            self.unwritten.append(str(error))
        else:
            self.written.insert(0, f"report: {report}")


def relative(path: Path, root: Path) -> str:
    """Return a path as seen from the root directory, where it lies in it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
