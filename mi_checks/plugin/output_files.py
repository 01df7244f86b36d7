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
from mi_checks.history.run_store import History, NewRun
from mi_checks.plugin.baseline_files import BaselineFiles
from mi_checks.plugin.lock_files import LockFiles
from mi_checks.plugin.options import CiOptions
from mi_checks.plugin.session_results import SessionResults
from mi_checks.results.run import Run
from mi_checks.results.write_run import delete_journals, journal_files, run_text
from mi_checks.spec.load_file import display_path
from mi_checks.spec.problems import SpecError, SpecProblem


class HistoryWriter:
    """Adds a run to the history database, if the options name one.

    Attributes:
        failed: why the run could not be added; empty if it could.
    """

    def __init__(self, path: Path | None, root: Path) -> None:
        self.failed = ""
        self._path = path
        self._root = root
        self._added = False

    def add(self, run: Run, written: Path) -> None:
        """Add the run, which has been written to a file already, so that it can be imported if this fails."""
        if self._path is None:
            return
        place = str(written.absolute())
        try:
            with History.at(self._path, create=True) as history:
                history.add([NewRun(run, run_text(run), place)])
            self._added = True
        except MiChecksError as error:
            self.failed = f"{error}; the run itself is saved; add it later with mi-checks history import {written}"

    def summary(self) -> list[str]:
        """Return the line about the history in the terminal summary."""
        if self._path is None or not (self._added or self.failed):
            return []
        return [f"history: {self.failed or display_path(self._path, self._root)}"]


STEP_SUMMARY = "GITHUB_STEP_SUMMARY"


class CiWriter:
    """Writes the summary and the annotations for a CI server.

    Attributes:
        failed: why the summary could not be written; empty if it could.
    """

    def __init__(self, root: Path, options: CiOptions) -> None:
        self._root = root
        self._options = options
        self._mistakes: dict[SpecProblem, None] = {}  # each once, although every worker finds it
        self._written = False
        self.failed: list[str] = []

    def add_mistakes(self, error: MiChecksError, path: Path) -> None:
        """Add the mistakes because of which a file could not be collected."""
        problems = error.problems if isinstance(error, SpecError) else ()
        for problem in problems or (SpecProblem(display_path(path, self._root), 1, 1, str(error)),):
            self._mistakes[problem] = None

    def write(self, run: Run, unwritten: Sequence[str]) -> None:
        """Write the summary, if the options name a file for it and there is anything to report.

        Args:
            run: the run.
            unwritten: why other files could not be written.
        """
        problems = [*map(str, self._mistakes), *unwritten]
        if self._options.summary is None or not (run.results or run.mutants or problems):
            return
        from mi_checks.ci.ci_summary import ci_summary

        try:
            _write_summary(self._options.summary, ci_summary(run, problems) + "\n")
        except MiChecksError as error:
            self.failed.append(str(error))
        else:
            self._written = True

    def lines(self, run: Run, unwritten: Sequence[str]) -> list[str]:
        """Return the lines at the end of the terminal: where the summary is, and annotations."""
        lines = list(self.failed)
        if self._options.summary is not None and self._written:
            lines.append(f"summary: {display_path(self._options.summary, self._root)}")
        if self._options.annotate:
            from mi_checks.ci.annotations import AnnotationPaths, commands
            from mi_checks.ci.failures import failures

            problems = [*self._mistakes, *(SpecProblem("", 0, 0, why) for why in (*unwritten, *self.failed))]
            lines += commands(problems, failures(run), AnnotationPaths(self._root), run.lints)
        return lines

    def to_wire(self) -> list[Any]:
        """Return the mistakes for the controller of `pytest -n`, which collects nothing itself."""
        return [[each.path, each.line, each.column, each.message] for each in self._mistakes]

    def from_wire(self, wire: list[Any]) -> None:
        """Add the mistakes that a worker found."""
        self._mistakes |= {SpecProblem(*each): None for each in wire}


def _write_summary(path: Path, text: str, environment: Mapping[str, str] = os.environ) -> None:
    """Write the summary, or append it to GitHub's file, which all commands of a step share."""
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
            f"cannot append the summary to {path}: {error.strerror or error}; name another file (--mi-summary)"
        ) from error


class OutputFiles:
    """Writes the run and the files made from it; a failure of one does not keep the others from being written.

    Attributes:
        written: where the report and the run were written.
        unwritten: why files could not be written.
    """

    def __init__(self, root: Path, session_results: SessionResults, locks: LockFiles, baselines: BaselineFiles) -> None:
        """Begin with nothing written."""
        self.root = root
        self.options = session_results.options
        self.session_results = session_results
        self.locks = locks
        self.baselines = baselines
        self.history = HistoryWriter(self.options.history, root)
        self.ci = CiWriter(root, self.options.ci)
        self.written: list[str] = []
        self.unwritten: list[str] = []

    def take_journal(self) -> None:
        """Add the results that a crashed worker of `pytest -n` wrote to its journal."""
        if journal_files(self.options.run_file):
            with self.session_results.omitted.suppressing("the journal of a worker that crashed"):
                self.session_results.take_journal()

    def delete_journals(self) -> None:
        """Delete the journals of an earlier run that was killed, because another one begins."""
        with self.session_results.omitted.suppressing("the removal of an earlier run's journal"):
            delete_journals(self.options.run_file)

    def finish(self, *, crashed: bool = False) -> None:
        """Write the run and the files made from it.

        Args:
            crashed: whether a worker of `pytest -n` crashed, so that its results are only in its journal.
        """
        self._try("writing what was measured", partial(self._finish, crashed=crashed))

    def _finish(self, *, crashed: bool) -> None:
        """Write the run first, because it has all results, and then the other files; prune the cache.

        Files that the user expects and that cannot be written are listed in `unwritten`. Parts of the report that
        cannot be drawn are left out.
        """
        if crashed:
            self.take_journal()
        self.session_results.sort()
        run = self.session_results.record()
        report, run_file = (relative(path, self.root) for path in (self.options.report.page, self.options.run_file))
        if self.session_results.results and self._try(f"writing the run to {run_file}", partial(self._write_run, run)):
            self.written.append(f"run: {run_file}")
            with self.session_results.omitted.suppressing("the removal of the journal"):
                delete_journals(self.options.run_file)
        self._try("writing the lock files of roles", self.locks.write)
        finish = partial(
            self.baselines.finish,
            self.session_results.results,
            self.session_results.evidence,
            self.session_results.provenance,
        )
        self._try("writing baselines", finish)
        if self.session_results.results:
            with self.session_results.omitted.suppressing(f"the report {report}"):
                self._write_report(run, report, run_file)
            with self.session_results.omitted.suppressing(
                f"the entry of this run, which is in {run_file}, in the history"
            ):
                self.history.add(run, self.options.run_file)
        with self.session_results.omitted.suppressing("the summary for CI"):
            self.ci.write(run, self.failures)
        if self.session_results.cache_counts["requested"] and self.options.cache_folder is not None:
            from mi_checks.cache.cache_store import CacheStore

            with self.session_results.omitted.suppressing("the pruning of the cache"):
                CacheStore(self.options.cache_folder).prune()

    @property
    def failed(self) -> bool:
        """Return whether a file could not be written."""
        return bool(self.failures or self.ci.failed)

    @property
    def failures(self) -> list[str]:
        """Return why files could not be written, except the CI summary."""
        history = [self.history.failed] if self.history.failed else []
        return [*self.locks.failed, *self.baselines.failed, *self.unwritten, *history]

    def _try(self, doing: str, write: Callable[[], None]) -> bool:
        """Return whether something could be written; if not, add the reason to `unwritten`."""
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

        write_run(run, self.options.run_file)

    def _write_report(self, run: Run, report: str, run_file: str) -> None:
        """Write the report, without the parts that cannot be drawn.

        Raises:
            Exception: no part of the report can be drawn.
        """
        from mi_checks.report.report_folder import write_report

        try:
            for sentence in write_report(run, self.options.report, run_file):
                self.session_results.omitted.add_sentence(sentence)
        except MiChecksError as error:
            report_cause(error)
            self.unwritten.append(str(error))
        else:
            self.written.insert(0, f"report: {report}")


def relative(path: Path, root: Path) -> str:
    """Return a path relative to the root directory, or unchanged if it is outside."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
