"""A run that is killed leaves what it measured, and a run that ends leaves nothing of the kind."""

from mi_checks.report.single_page import render
from mi_checks.results.read_run import read_run

CONFTEST = """
import os, signal
from mi_checks.results import write_run

write_run.LINE_INTERVAL_S = 0.0

def pytest_runtest_setup(item):
    if os.environ.get("KILLED") and "second" in item.nodeid:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_measured_before_a_kill_can_be_shown(project, monkeypatch):
    project.behaviour("first")
    project.behaviour("second")
    project.write("conftest.py", CONFTEST)
    monkeypatch.setenv("KILLED", "1")
    project.pytester.runpytest_subprocess("behaviours", "-p", "no:cacheprovider")
    assert {path.name for path in (project.path / "reports").iterdir()} == {"report.json.part"}
    run = read_run(project.path / "reports/report.json.part")
    assert {result.behaviour for result in run.results} == {"first"}
    assert [evidence.behaviour for evidence in run.evidence] == ["first"]
    assert run.cut_short == (1, 2)
    assert "The run was cut short: 1 of 2 checks ran, and only these are in this report." in render(run)
    monkeypatch.delenv("KILLED")
    project.pytester.runpytest_subprocess("behaviours", "-p", "no:cacheprovider")
    assert {path.name for path in (project.path / "reports").iterdir()} == {"report.html", "report.json"}
