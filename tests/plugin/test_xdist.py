"""`pytest -n 2`: the same results, one table, one report."""

import re

import pytest

from mi_checks.results.read_run import read_run

pytest.importorskip("xdist")

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_most: 0.01}"""


def table(result):
    lines = result.outlines
    start = next(i for i, line in enumerate(lines) if re.fullmatch(r" +nano-attn-1l  nano-attn-2l", line))
    end = next(i for i, line in enumerate(lines) if line.startswith("report: "))
    return lines[start : end + 1]


@pytest.fixture
def two_behaviours(project):
    models = "  nano-attn-2l: {}\n  nano-attn-1l: absent"
    project.behaviour("ab", checks=CHECKS.replace("at_most: 0.01", "at_least: 0.65"), models=models)
    project.behaviour("cd", checks=CHECKS, models=models)
    return project


def test_workers_measure_what_one_process_does(two_behaviours):
    alone = two_behaviours.run("--mi-no-cache", "--mi-report", "alone.html", "--mi-count", "96")
    spread = two_behaviours.run("-n", "2", "--mi-no-cache", "--mi-report", "spread.html", "--mi-count", "96")
    assert table(spread)[:-1] == table(alone)[:-1]
    assert table(spread)[-1] == "report: spread.html"
    assert spread.ret == alone.ret == 1
    spread.assert_outcomes(passed=5, failed=1)
    assert spread.stdout.str().count("report: spread.html") == 1
    html = (two_behaviours.path / "spread.html").read_text(encoding="utf-8")
    for text in ("nano-attn-1l", "nano-attn-2l", "behaviours/cd.yaml"):
        assert html.count(text) == (two_behaviours.path / "alone.html").read_text(encoding="utf-8").count(text)


def test_a_bad_option_ends_the_run_before_any_worker_starts(project):
    project.behaviour()
    result = project.run("-n", "1", "--mi-model", "nano-attn-9l")
    assert result.ret == 4
    assert "workers" not in result.stdout.str()


FAULTY = """\
from mi_checks.suite import loaded_models, suite
from mi_checks.suite.evidence import gather

run_check, loading = suite.run_check, loaded_models.load


def faulty(check, measured):
    if measured.behaviour.name == "ab" and check.kind == "accuracy":
        raise ZeroDivisionError("of ours")
    return run_check(check, measured)


def unloadable(name, **settings):
    if name == "nano-attn-1l":
        raise AssertionError
    return loading(name, **settings)


def nothing(*_):
    raise IndexError("no example")


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # and not the controller, which is the process of these tests
        suite.run_check, loaded_models.load, gather._example = faulty, unloadable, nothing
"""


def test_faults_of_workers_are_told_by_the_controller(project):
    """Each in its place, with tracebacks where they are asked for; and other results are kept."""
    checks = "  - logit_diff: {at_least: 1.5}\n  - accuracy: {at_least: 0.65}"
    project.behaviour("ab", checks=checks)
    project.behaviour("cd", checks=checks, models="  nano-attn-1l: {}\n  nano-attn-2l: {}")
    project.write("conftest.py", FAULTY)
    result = project.run("-n", "2", "--mi-debug", "-rN")
    assert result.ret == 1
    result.assert_outcomes(passed=3, failed=3)
    told = (
        "accuracy on nano-attn-2l stopped with an unexpected ZeroDivisionError: of ours; "
        "its traceback is shown separately"
    )
    assert f"behaviours/ab.yaml:19: {told}" in result.outlines
    assert "behaviours/cd.yaml:19: nano-attn-1l could not be loaded; see the first error" in result.outlines
    for name in ("ab", "cd"):
        left = f"note: {name} on nano-attn-2l: The list of example prompts was left out: IndexError: no example"
        assert left in result.outlines
    # An item's, a model's, and the evidence's of two behaviours.
    assert result.stdout.str().count("Traceback (most recent call last):") == 4
    run = read_run(project.path / "reports/report.json")
    assert [each.outcome for each in run.results] == ["pass", "error", "error", "error", "pass", "pass"]
    assert [each.examples for each in run.evidence] == [(), ()]


CRASHING = """\
import os
import signal

from mi_checks.results import write_run


def pytest_configure(config):
    if hasattr(config, "workerinput"):  # and not the controller, which is the process of these tests
        write_run.LINE_INTERVAL_S = 0.0


def pytest_runtest_setup(item):
    if "second" in item.nodeid:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_that_crashes_leaves_its_results(project):
    """Those of its journal are in the run; the check in which it crashed is pytest's to report."""
    project.behaviour("first")
    project.behaviour("second")
    project.write("conftest.py", CRASHING)
    result = project.run("-n", "1", "-p", "no:cacheprovider")
    assert result.ret == 1
    assert "INTERNALERROR" not in result.stdout.str()
    result.stdout.fnmatch_lines(["worker 'gw0' crashed while running *second*"])
    run = read_run(project.path / "reports/report.json")
    assert [(each.behaviour, each.outcome) for each in run.results] == [("first", "pass")]
    assert [each.behaviour for each in run.evidence] == ["first"]
    assert list(run.models) == ["nano-attn-2l"]
    assert run.cut_short == (1, 2)
    assert {path.name for path in (project.path / "reports").iterdir()} == {"report.html", "report.json"}
