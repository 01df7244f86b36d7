"""The report of a run that is still going on, so that there is something to look at before it ends. Light to import."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mi_checks.faults.unexpected import is_not_a_failure, report_traceback
from mi_checks.plugin.output_files import relative
from mi_checks.plugin.session_results import SessionResults
from mi_checks.results.run import CheckResult, Run, RunInProgress
from mi_checks.results.write_run import JOURNAL_SUFFIX, journal_files

if TYPE_CHECKING:
    from mi_checks.plugin.session import Session

FIRST_PAGE_AFTER_S = 5.0  # seconds; a run that ends earlier writes its report only then
MIN_PARTS = 2  # behaviours on a model that the first page waits for
INTERVAL_S = 20.0  # seconds between the end of one page and the beginning of the next
MIN_INTERVAL_OF_WRITING = 10  # the same as a multiple of the time that the page took to write
RETRY_S = 1.0  # seconds until looking again whether there is anything new


def register_interim_report(config: pytest.Config, own: Session) -> None:
    """Write the report while a run goes on, unless nothing is measured or mutants are."""
    if config.option.collectonly or own.options.with_mutants:
        return
    terminal = config.pluginmanager.getplugin("terminalreporter")

    def announce(page: Path) -> None:
        """Say on a line of its own where the page is."""
        if terminal is None or config.get_verbosity() < 0:
            return
        writer = config.get_terminal_writer()
        terminal.ensure_newline()
        if writer.width_of_current_line:  # the dots of workers
            writer.line()
        terminal.write_line(f"open {page.absolute().as_uri()}; it is renewed while the run goes on")

    on_workers = getattr(config.option, "dist", "no") != "no"

    def is_measuring() -> bool:
        """Return whether the run takes time; what workers do is not known here."""
        return on_workers or own.item_runner.is_measuring

    interim = InterimReport(own.session_results, own.root, announce, on_workers=on_workers, is_measuring=is_measuring)
    config.pluginmanager.register(interim, "mi_checks_interim_report")


class InterimReport:
    """A pytest plugin that writes the report while a run goes on."""

    def __init__(
        self,
        session_results: SessionResults,
        root: Path,
        announce: Callable[[Path], None],
        *,
        on_workers: bool,
        is_measuring: Callable[[], bool] = lambda: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin without a page.

        Args:
            session_results: the results of the run so far, as far as this process has them.
            root: pytest's root directory.
            announce: tells the user where the page is; called once, when the first page is written.
            on_workers: whether the workers of `pytest -n` measure, whose results are in their journals.
            is_measuring: returns whether the run measures anything; one that recalls all results soon ends.
            clock: returns the time in seconds.
        """
        self.options = session_results.options
        self._session_results = session_results
        self._root = root
        self._announce = announce
        self._on_workers = on_workers
        self._is_measuring = is_measuring
        self._clock = clock
        self._due = clock() + FIRST_PAGE_AFTER_S
        self._state: tuple[int, ...] = ()  # of what was shown last
        self._written = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Renew the report after an item; the evidence of a behaviour is measured when its last item is torn down."""
        if report.when == "teardown":
            self.renew()

    def renew(self) -> None:
        """Write the page if it is due and there is anything new to show.

        Whatever goes wrong is left to the report at the end of the run, which says so.
        """
        if self._clock() < self._due or not self._is_measuring():
            return
        try:
            self._renew()
        except Exception as error:
            if is_not_a_failure(error):
                raise
            report_traceback("the report could not be renewed while the run went on", error)
            self._due = math.inf

    def _renew(self) -> None:
        began = self._clock()
        self._due = began + RETRY_S
        state = self._current_state()
        if state == self._state:
            return
        run = self._run_so_far()
        if run is None or run.cut_short is None or len(run.evidence) < MIN_PARTS:
            return
        from mi_checks.report.report_folder import write_report

        write_report(RunInProgress(**vars(run)), self.options.report, relative(self.options.run_file, self._root))
        self._state = state
        if not self._written:
            self._written = True
            self._announce(self.options.report.page)
        ended = self._clock()
        self._due = ended + max(INTERVAL_S, MIN_INTERVAL_OF_WRITING * (ended - began))

    def _current_state(self) -> tuple[int, ...]:
        """Return numbers that change whenever there is something new to show."""
        if not self._on_workers:
            return (len(self._session_results.evidence),)
        return tuple(path.stat().st_size for path in journal_files(self.options.run_file))

    def _run_so_far(self) -> Run | None:
        """Return the run so far; None if no worker has written its journal yet."""
        own = self._session_results.record()
        if not self._on_workers:
            return self._sorted(own)
        if not journal_files(self.options.run_file):
            return None
        from mi_checks.results.read_run import read_run

        journal = read_run(self.options.run_file.with_name(self.options.run_file.name + JOURNAL_SUFFIX))
        # A worker knows neither the command line nor how long the whole run has taken.
        return self._sorted(replace(journal, command=own.command, started=own.started, seconds=own.seconds))

    def _sorted(self, run: Run) -> Run:
        """Return the run with its results in the order of their files, like the report at the end."""
        return replace(run, results=tuple(sorted(run.results, key=_file)))


def _file(result: CheckResult) -> str:
    return result.node_id.partition("::")[0]
