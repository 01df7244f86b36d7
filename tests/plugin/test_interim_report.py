"""The report that is written while a run goes on."""

import re

import pytest

from mi_checks.plugin import interim_report
from mi_checks.plugin.collectors import session_of
from mi_checks.plugin.interim_report import InterimReport
from mi_checks.plugin.session_results import SessionResults
from mi_checks.report import report_folder
from mi_checks.report.single_page import render
from mi_checks.results.read_run import read_run
from mi_checks.results.run import RunInProgress

GOING_ON = "The run was still going on when this page was written: {} of {} checks had run"
# Copies each state of the page: after each item, after mi-checks has written it.
CONFTEST = """\
import pathlib, pytest

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Copies(config))

class Copies:
    def __init__(self, config):
        self.config, self.pages = config, []

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        page = self.config.rootpath / "reports/report.html"
        text = page.read_text(encoding="utf-8") if page.exists() else None
        if text and text not in self.pages:
            self.pages.append(text)
            (self.config.rootpath / f"page-{len(self.pages)}.html").write_text(text, encoding="utf-8")
"""


@pytest.fixture
def three(project, monkeypatch):
    """A project of three behaviours, whose first page is written as soon as two are measured."""
    monkeypatch.setattr(interim_report, "FIRST_PAGE_AFTER_S", 0.0)
    monkeypatch.setattr(interim_report, "RETRY_S", 0.0)
    for name in ("ab", "cd", "ef"):
        project.behaviour(name)
    project.write("conftest.py", CONFTEST)
    return project


def pages(project):
    return [path.read_text(encoding="utf-8") for path in sorted(project.path.glob("page-*.html"))]


def announced(result):
    return [line for line in result.outlines if "renewed" in line]


def test_a_page_is_there_before_the_run_ends_and_the_terminal_says_where(three):
    result = three.run()
    result.assert_outcomes(passed=3)
    (page,) = pages(three)
    assert GOING_ON.format(2, 3) in page
    assert page.count('id="b0"') == 1
    assert "behaviours/cd.yaml" in page
    assert "behaviours/ef.yaml" not in page
    where = (three.path / "reports/report.html").absolute().as_uri()
    assert announced(result) == [f"open {where}; it is renewed while the run goes on"]
    final = (three.path / "reports/report.html").read_text(encoding="utf-8")
    assert "still going on" not in final
    assert "cut short" not in page + final
    assert "behaviours/ef.yaml" in final
    assert {path.name for path in (three.path / "reports").iterdir()} == {"report.html", "report.json"}


@pytest.mark.parametrize("dist", [(), ("--dist", "loadgroup")])
def test_the_controller_shows_what_workers_have_measured(three, monkeypatch, dist):
    monkeypatch.setattr(interim_report, "MIN_PARTS", 1)
    result = three.run("behaviours", "-n", "1", *dist)
    result.assert_outcomes(passed=3)
    assert len(announced(result)) == 1
    assert re.search(GOING_ON.format("[12]", 3), pages(three)[0])
    assert "behaviours/ab.yaml" in pages(three)[0]
    final = (three.path / "reports/report.html").read_text(encoding="utf-8")
    assert "still going on" not in final
    assert {path.name for path in (three.path / "reports").iterdir()} == {"report.html", "report.json"}


def test_journals_of_an_earlier_run_are_not_shown(three, monkeypatch):
    monkeypatch.setattr(interim_report, "MIN_PARTS", 1)
    three.run("behaviours", "-k", "ab")
    old = three.path / "reports/report.json"
    old.rename(old.with_name("report.json.gw7.part"))
    (three.path / "reports/report.html").unlink()
    three.run("behaviours", "-n", "1", "-k", "cd or ef")
    assert pages(three)
    assert not any("behaviours/ab.yaml" in page for page in pages(three))


@pytest.mark.parametrize("options", [("-q",), ("-p", "no:terminal")])
def test_a_quiet_run_does_not_say_where(three, options):
    assert announced(three.run(*options)) == []
    assert len(pages(three)) == 1


@pytest.mark.parametrize("options", [("--collect-only",), ("--mi-mutants",), ("-k", "ab")])
def test_no_page_is_written_where_none_is_of_use(three, options):
    assert announced(three.run(*options)) == []
    assert [page for page in pages(three) if "still going on" in page] == []


def test_a_short_run_writes_its_report_only_at_its_end(three, monkeypatch):
    monkeypatch.setattr(interim_report, "FIRST_PAGE_AFTER_S", 1e6)
    assert announced(three.run()) == []
    assert pages(three) == []
    assert (three.path / "reports/report.html").exists()


def test_a_page_that_cannot_be_written_does_not_disturb_the_run(three, monkeypatch):
    write, calls = report_folder.write_report, []

    def failing_first(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise ZeroDivisionError
        return write(*arguments)

    monkeypatch.setattr(report_folder, "write_report", failing_first)
    three.behaviour("gh")
    result = three.run()
    result.assert_outcomes(passed=4)
    assert result.ret == 0
    assert announced(result) == []
    assert len(calls) == 2  # not tried again before the end
    assert (three.path / "reports/report.html").exists()


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def measured(three):
    """The results of three behaviours, and their evidence."""
    three.run()
    return read_run(three.path / "reports/report.json")


@pytest.mark.parametrize(("takes", "pause"), [(0.5, 20.0), (2.0, 20.0), (5.0, 50.0)])
def test_writing_takes_at_most_a_tenth_of_the_time(three, measured, monkeypatch, takes, pause):
    monkeypatch.setattr(interim_report, "MIN_PARTS", 1)
    clock, written, told = Clock(), [], []

    def write(run, *_):
        written.append((clock.now, len(run.results)))
        clock.now += takes

    monkeypatch.setattr(report_folder, "write_report", write)
    results = SessionResults(session_of(three.pytester.parseconfigure()).options)
    interim = InterimReport(results, three.path, told.append, on_workers=False, clock=clock)
    results.selected = [each.node_id for each in measured.results] + ["one more"]
    interim.renew()
    assert written == []  # there is nothing yet
    for seconds, result, evidence in zip((3.0, 4.0, 5.0), measured.results, measured.evidence, strict=True):
        results.add_result(result)
        results.add_evidence(evidence)
        clock.now = seconds
        interim.renew()
    first = written[0]
    assert len(written) == 1
    clock.now = first[0] + takes + pause - 0.1
    interim.renew()
    assert len(written) == 1
    clock.now += 0.2
    interim.renew()
    assert [n_results for _, n_results in written] == [first[1], 3]
    clock.now += 1000
    interim.renew()
    assert len(written) == 2  # there is nothing new
    assert told == [results.options.report.page]


def test_what_a_run_in_progress_says_of_itself(measured):
    so_far = RunInProgress(**{**vars(measured), "selected": 40})
    page = render(so_far)
    assert GOING_ON.format(3, 40) in page
    assert "Reload the page" in page
    assert "still going on" not in render(RunInProgress(**vars(measured)))  # all have run
