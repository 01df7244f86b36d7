"""The committed pages of `reports/gallery/`: what is refused, what is written, and what `--check` does."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from gallery import pages
from gallery.pages import GALLERY, MAX_PAGE_BYTES, PAGES, SUITE
from mi_checks.report.single_page import render
from mi_checks.results.write_run import write_run
from tests.gallery.passed import passing
from tests.report.conftest import make_run

WRITTEN = [name for name in PAGES if (GALLERY / name).exists()]


@pytest.mark.parametrize("name", WRITTEN)
def test_every_page_that_is_committed_is_small_and_says_how_to_run_it_again(name):
    page = (GALLERY / name).read_text(encoding="utf-8")
    assert len(page.encode()) <= MAX_PAGE_BYTES
    assert f"<code>pytest {PAGES[name][0]} " in page  # or another way to run the same


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """`ran(status, run, page)`: what pytest would leave; no page: that of the run. What it was called with."""
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "GALLERY", tmp_path / "reports/gallery")
    (tmp_path / "reports/gallery").mkdir(parents=True)
    calls = []

    def ran(status=0, run=None, page=None):
        run = passing() if run is None else run

        def call(command, **_):
            calls.append(command[1:])
            left = tmp_path / command[-1]
            left.write_text(render(run, f"reports/{left.stem}.json") if page is None else page, encoding="utf-8")
            write_run(run, left.with_suffix(".json"))
            return SimpleNamespace(returncode=status)

        monkeypatch.setattr(subprocess, "run", call)
        return calls

    return ran


def gallery(monkeypatch, *options):
    monkeypatch.setattr(sys, "argv", ["pages", *options])
    return pages.main()


def test_what_does_not_pass_is_refused(ran, monkeypatch, capsys):
    ran(status=1)
    assert gallery(monkeypatch) == 2
    assert capsys.readouterr().err == ("reports/gallery/suite.html: not every check passes (pytest's exit code is 1)\n")


def test_what_was_skipped_is_refused(ran, monkeypatch, capsys):
    ran(run=make_run())
    assert gallery(monkeypatch) == 2
    told = capsys.readouterr().err
    assert told.startswith("reports/gallery/suite.html: 3 of 48 checks did not pass: behaviours/induction.yaml::nano-")


def test_what_was_cut_short_is_refused(ran, monkeypatch, capsys, tmp_path):
    ran()
    write_run(passing(selected=50), tmp_path / "run.json")
    assert gallery(monkeypatch, "--suite", str(tmp_path / "run.json")) == 2
    assert capsys.readouterr().err == "reports/gallery/suite.html: only 48 of 50 checks ran\n"


def test_a_page_that_is_too_large_is_refused(ran, monkeypatch, capsys):
    ran(page="x" * (MAX_PAGE_BYTES + 1))
    assert gallery(monkeypatch) == 2
    assert capsys.readouterr().err == "reports/gallery/suite.html: it has 2,000,001 bytes; the maximum is 2,000,000\n"


def test_a_run_that_is_not_there_is_refused(ran, monkeypatch, capsys):
    ran()
    assert gallery(monkeypatch, "--suite", "absent.json") == 2
    assert capsys.readouterr().err == (
        "reports/gallery/suite.html: the run 'absent.json' does not exist; "
        "pytest writes one beside its report (--mi-run)\n"
    )


def test_every_page_is_measured_and_written(ran, monkeypatch, capsys, tmp_path):
    calls = ran()
    assert gallery(monkeypatch) == 0
    assert calls == [["-m", "pytest", *PAGES[name], "--mi-report", f"reports/{name}"] for name in PAGES]
    assert capsys.readouterr().out == "reports/gallery/suite.html\nreports/gallery/induction.html\n"
    assert (tmp_path / "reports/gallery/suite.html").read_text(encoding="utf-8") == render(
        passing(), "reports/suite.json"
    )


def test_a_page_that_is_current_is_left_as_it_is_and_one_that_is_not_is_told_of(ran, monkeypatch, capsys, tmp_path):
    ran()
    gallery(monkeypatch)
    before = (tmp_path / "reports/gallery/suite.html").stat().st_mtime_ns
    assert gallery(monkeypatch, "--check") == 0
    ran(run=passing(results=passing().results[1:]))
    capsys.readouterr()
    assert gallery(monkeypatch, "--check") == 1
    assert (tmp_path / "reports/gallery/suite.html").stat().st_mtime_ns == before
    told = capsys.readouterr().out.splitlines()
    assert told[:2] == [
        "reports/gallery/suite.html is out of date (make gallery):",
        "  mi-checks: All 48 checks passed. → mi-checks: All 47 checks passed.",
    ]
    assert any(line.startswith("  verdicts: induction on nano-attn-1l: ") for line in told)


def test_a_page_that_is_not_committed_is_out_of_date(ran, monkeypatch, capsys):
    ran()
    assert gallery(monkeypatch, "--check") == 1
    assert "  there is no committed page" in capsys.readouterr().out.splitlines()


def test_the_suite_may_be_drawn_of_a_run_that_is_there(ran, monkeypatch, tmp_path):
    calls = ran()
    gallery(monkeypatch)
    assert len(calls) == len(PAGES)
    write_run(passing(), tmp_path / "run.json")
    assert gallery(monkeypatch, "--check", "--suite", str(tmp_path / "run.json")) == 0
    assert [command[-1] for command in calls[len(PAGES) :]] == [f"reports/{name}" for name in PAGES if name != SUITE]
