"""The end of a pytest run: what is written of it. Light to import."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import (
    placed,
    tell_cause,
)
from mi_checks.plugin.baseline_files import Baselines
from mi_checks.plugin.ci_output import Told
from mi_checks.plugin.gathered import Gathered
from mi_checks.plugin.history_record import Keeping
from mi_checks.plugin.lock_files import Locks
from mi_checks.results.journal import forget, parts
from mi_checks.results.run import Run


class Written:
    """Writes the run and all that is made of it, each whatever happens to the others.

    Attributes:
        written: report and run, where they were put.
        unwritten: why what was asked for could not be written.
    """

    def __init__(self, root: Path, gathered: Gathered, locks: Locks, baselines: Baselines) -> None:
        """Begin with nothing written."""
        self.root = root
        self.options = gathered.options
        self.gathered = gathered
        self.locks = locks
        self.baselines = baselines
        self.history = Keeping(self.options.history, root)
        self.ci = Told(root, self.options.ci)
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
            with self.gathered.omitted.unless("the journal of a worker that crashed"):
                self.gathered.take_journal()
        run = self.gathered.record()
        report, kept = (relative(path, self.root) for path in (self.options.report.page, self.options.kept_run))
        if self.gathered.results and self._wrote(f"writing the run to {kept}", partial(self._write_run, run)):
            self.written.append(f"run: {kept}")
            with self.gathered.omitted.unless("the removal of the journal"):
                forget(self.options.kept_run)
        self._wrote("writing the lock files of roles", self.locks.write)
        finish = partial(self.baselines.finish, self.gathered.results, self.gathered.evidence, self.gathered.provenance)
        self._wrote("writing baselines", finish)
        if self.gathered.results:
            with self.gathered.omitted.unless(f"the report {report}"):
                self._write_report(run, report, kept)
            with self.gathered.omitted.unless(f"the entry of this run, which is in {kept}, in the history"):
                self.history.add(run, self.options.kept_run)
        with self.gathered.omitted.unless("the summary for CI"):
            self.ci.write(run, self.left)
        if self.gathered.reuse["asked"] and self.options.kept is not None:
            from mi_checks.cache.store import Store

            with self.gathered.omitted.unless("the pruning of the cache"):
                Store(self.options.kept).prune()

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
            with placed(doing):
                write()
        except MiChecksError as error:
            tell_cause(error)
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
                self.gathered.omitted.say(sentence)
        except MiChecksError as error:
            tell_cause(error)
            self.unwritten.append(str(error))
        else:
            self.written.insert(0, f"report: {report}")


def relative(path: Path, root: Path) -> str:
    """Return a path as seen from the root directory, where it lies in it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)
