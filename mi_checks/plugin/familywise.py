"""The correction of `--mi-familywise`: when all checks of a run are known, some passes become inconclusive.

The correction needs every p-value, so that it is made once the last item, and the last worker of `pytest -n`, is done.
A check that no longer passes is then reported once more, as a failure of the same item: pytest's exit status, `--lf`
and the terminal follow from that report, as for any failure. Its earlier report is withdrawn from the terminal's counts
and from the JUnit XML.
"""

from __future__ import annotations

import copy
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from mi_checks.plugin.collectors import CRASHED
from mi_checks.stats.estimate import ALPHA_PER_SIDE

if TYPE_CHECKING:
    from mi_checks.plugin.session import Session
    from mi_checks.results.run import CheckResult

OUTCOME_PROPERTY = "mi_outcome"


class FamilywiseCorrection:
    """A plugin that corrects a run when its items are done."""

    def __init__(self, config: pytest.Config, own: Session) -> None:
        """Begin without reports.

        Args:
            config: pytest's configuration.
            own: the session of mi-checks.
        """
        self._config = config
        self._own = own
        self._passes: dict[str, pytest.TestReport] = {}  # by node id, which may end with the group of `pytest -n`
        self._withdrawn = 0

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the reports of passes."""
        if (
            report.when == "call"
            and report.passed
            and any(name == OUTCOME_PROPERTY for name, _ in report.user_properties)
        ):
            self._passes[report.nodeid] = report

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self) -> Generator[None, object, object]:
        """Correct the run after its last item, also if it is cut short."""
        try:
            return (yield)
        finally:
            self._correct()

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None, object, object]:
        """Withdraw the passes from the JUnit XML that pytest has written."""
        result = yield
        path = self._config.getoption("xmlpath", None)
        if self._withdrawn and path and Path(path).is_file():
            withdraw_repeated(Path(path))
        return result

    def _correct(self) -> None:
        from mi_checks.output.multiplicity_text import familywise_result
        from mi_checks.results.multiplicity import familywise_p_values

        if CRASHED in self._config.stash:
            self._own.files.take_journal()
        results = self._own.session_results.results
        corrected = familywise_p_values(results)
        for result in list(results):
            p_value = corrected.get(result.node_id, 0.0)
            if result.outcome == "pass" and p_value >= ALPHA_PER_SIDE:
                changed = familywise_result(result, p_value, len(corrected))
                self._own.session_results.replace_result(changed)
                self._report(changed)

    def _report(self, result: CheckResult) -> None:
        """Report a check again, as a failure."""
        node_id = result.node_id
        found = [each for each in self._passes if each == node_id or each.startswith(f"{node_id}@")]
        if not found:  # its worker crashed, which has failed the run
            return
        passed = self._passes[found[0]]
        terminal = self._config.pluginmanager.getplugin("terminalreporter")
        if terminal is not None and passed in terminal.stats.get("passed", []):
            terminal.stats["passed"].remove(passed)
        for when, outcome, text in (("call", "failed", result.message), ("teardown", "passed", None)):
            report = copy.copy(passed)
            report.__dict__.pop("node", None)  # the worker of `pytest -n` that has measured it
            report.when, report.outcome, report.longrepr, report.duration = when, outcome, text, 0.0  # type: ignore[assignment]
            report.user_properties = [
                (name, result.outcome if name == OUTCOME_PROPERTY else value) for name, value in passed.user_properties
            ]
            self._config.hook.pytest_runtest_logreport(report=report)
        self._withdrawn += 1


def withdraw_repeated(path: Path) -> None:
    """Keep only the last report of every item in a file of JUnit XML, and count each once."""
    tree = ElementTree.parse(path)  # noqa: S314  # pytest has just written it
    for suite in tree.iter("testsuite"):
        last: dict[tuple[str | None, str | None], ElementTree.Element] = {}
        for case in suite.findall("testcase"):
            item = case.get("classname"), case.get("name")
            if item in last:
                suite.remove(last[item])
                suite.set("tests", str(int(suite.get("tests", "0")) - 1))
            last[item] = case
    tree.write(path, encoding="utf-8", xml_declaration=True)
