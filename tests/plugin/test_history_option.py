"""`--mi-history`, and its twin: every run is added to a database."""

import sqlite3

import pytest

from mi_checks.cli.main import main
from mi_checks.history import database
from mi_checks.history.run_store import History, run_summaries


def kept(project, name="h.sqlite3"):
    with History.at(project.path / name) as history:
        return run_summaries(history)


def test_unasked_there_is_none(project):
    project.behaviour()
    assert "history" not in project.run().stdout.str()
    assert not list(project.path.rglob("*.sqlite3"))


def test_each_run_is_added(project):
    project.behaviour()
    for number in (1, 2):
        project.run("--mi-history", "h.sqlite3").stdout.fnmatch_lines(["history: h.sqlite3"])
        assert len(kept(project)) == number
    assert [each.outcomes for each in kept(project)] == [{"pass": 1}] * 2
    assert kept(project)[0].place == str(project.path / "reports/report.json")


def test_the_run_that_was_written_is_known_to_it(project, capsys):
    project.behaviour()
    project.run("--mi-history", "h.sqlite3", "--mi-run", "run.json")
    capsys.readouterr()
    assert main(["history", "import", "run.json", "--history", "h.sqlite3"]) == 0
    assert capsys.readouterr().out == "h.sqlite3: 0 new, 1 known\n"


def test_the_ini_twin(project):
    project.behaviour()
    project.ini("mi_history = deep/h.sqlite3")
    project.run().stdout.fnmatch_lines(["history: deep/h.sqlite3"])
    assert len(kept(project, "deep/h.sqlite3")) == 1


@pytest.mark.parametrize("arguments", [["--collect-only"], ["-k", "nothing"]])
def test_nothing_that_ran_adds_none(project, arguments):
    project.behaviour()
    project.run("--mi-history", "h.sqlite3", *arguments)
    assert not (project.path / "h.sqlite3").exists()


def test_workers_add_one(project):
    pytest.importorskip("xdist")
    project.behaviour("ab")
    project.behaviour("cd")
    project.run("-n", "1", "--mi-history", "h.sqlite3").assert_outcomes(passed=2)
    assert [each.outcomes for each in kept(project)] == [{"pass": 2}]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("file/h.sqlite3", "ERROR: --mi-history: cannot make the folder '*file': *"),
        ("behaviours", "ERROR: --mi-history: cannot write '*behaviours'; name a file in a writable folder"),
        ("file", "ERROR: *file is not a database; name a history, or a file that does not exist yet"),
    ],
)
def test_a_place_that_will_not_do_ends_the_run_before_anything_is_collected(project, place, message):
    project.behaviour()
    project.write("file", "no database, and longer than its header would be" * 9)
    result = project.run("--mi-history", place)
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])
    assert "collected" not in result.stdout.str()


def test_one_that_is_locked_at_the_end_is_exit_code_1_and_the_run_is_in_its_file(project, monkeypatch, capsys):
    project.behaviour()
    project.run("--mi-history", "h.sqlite3")
    monkeypatch.setattr(database, "WRITE_TIMEOUT_S", 0.1)
    other = sqlite3.connect(project.path / "h.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    result = project.run("--mi-history", "h.sqlite3", "--mi-run", "run.json")
    other.close()
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        [
            "history: *h.sqlite3: another process has been writing to it for 0.1 seconds; try again when it is done; "
            "the run itself is saved; add it later with mi-checks history import *run.json"
        ]
    )
    assert main(["history", "import", str(project.path / "run.json"), "--history", "h.sqlite3"]) == 0
    assert len(kept(project)) == 2
