"""A history of an older schema is brought to today's, step by step and each step whole or not at all."""

import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.history import database
from mi_checks.history.check_over_time import check_histories
from mi_checks.history.head_over_time import head_histories
from mi_checks.history.history_json import check_histories as check_json
from mi_checks.history.history_text import check_history, head_history
from mi_checks.history.migrations import MIGRATIONS
from mi_checks.history.run_store import History, ImportReport, import_runs, run_summaries
from mi_checks.stats.estimate import Refusal
from tests.history.conftest import entry, heads, month, share

FIRST = Path(__file__).with_name("schema_1.sqlite3")  # left by a mi-checks that knew the first schema only: three runs

SECOND = Path(__file__).with_name("schema_2.sqlite3")  # by one that knew the second: runs of checkpoints and of others

THIRD = Path(__file__).with_name("schema_3.sqlite3")  # by one in which each estimate had an interval


@pytest.fixture
def old(tmp_path):
    return Path(shutil.copy(FIRST, tmp_path / "history.sqlite3"))


def schema(path):
    with sqlite3.connect(path) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
    connection.close()
    return version, rows


def test_it_comes_to_the_schema_of_a_new_one(old, tmp_path):
    assert schema(old)[0] == 1
    with History.at(old), History.at(tmp_path / "new.sqlite3", create=True):
        pass
    assert schema(old) == schema(tmp_path / "new.sqlite3")
    assert schema(old)[0] == len(MIGRATIONS) == 4


def test_what_was_in_it_still_is(old):
    with History.at(old) as history:
        assert [each.short_name for each in run_summaries(history)] == ["ee275abc", "f0405c2b", "6c78afa0"]
        (course,) = check_histories(history, "induction", "logit_diff")
    assert [point.outcome for point in course.results] == ["fail", "inconclusive", "pass"]


def test_what_the_second_schema_adds_is_filled_from_the_kept_runs(old):
    with History.at(old) as history:
        (found,) = head_histories(history, "induction", "L1H1")
    assert [each.mediates for each in found.results] == [False, True, True]
    assert found.results[0].value is None
    assert found.results[1].value == pytest.approx(0.314, abs=1e-3)


def test_the_third_schema_has_the_training_step_as_a_number(tmp_path):
    path = Path(shutil.copy(SECOND, tmp_path / "history.sqlite3"))
    assert schema(path)[0] == 2
    with History.at(path) as history:
        steps = history.connection.execute("SELECT revision, step FROM models ORDER BY run").fetchall()
        (course,) = check_histories(history, "induction", "logit_diff", order="training")
    assert steps == [
        *(("checkpoint 1000", 1000), ("checkpoint 200", 200)),
        *(("main", None), ("checkpoint early", None), ("", None)),
    ]
    assert [point.model_run.step for point in course.results] == [200, 1000, None, None, None]


def test_the_fourth_schema_says_why_there_is_no_interval(tmp_path):
    path = Path(shutil.copy(THIRD, tmp_path / "history.sqlite3"))
    assert schema(path)[0] == 3
    refused = month(3, 4.0, per_prompt=())
    few = replace(refused.results[0].estimate, low=4.0, high=4.0, refusal=Refusal("few rows", 5, 8, "noun"))
    refused = replace(refused, results=(replace(refused.results[0], estimate=few),))
    with History.at(path) as history:
        history.add([entry(refused)])
        (course,) = check_histories(history, "induction", "logit_diff")
        stored = history.connection.execute("SELECT low, high FROM results ORDER BY run").fetchall()
        (head,) = head_histories(history, "induction", "L1H1")
    assert [each.estimate.refusal for each in course.results] == [None, None, few.refusal]
    assert stored[-1] == (None, None)
    assert None not in stored[0]
    assert check_history(course)[-1].endswith("4.00 (no interval)")
    shown = check_json([course])["checks"][0]["runs"][-1]["estimate"]
    assert (shown["low"], shown["high"], shown["refusal"]["reason"]) == (None, None, "few rows")
    assert [each.mediates for each in head.results] == [True, False]


def test_a_head_without_an_interval_is_inconclusive(history_of):
    shown = heads(L1H1=0.5)
    few = replace(share(0.5), low=0.5, high=0.5, refusal=Refusal("few prompts", 7, 8))
    mediators = tuple(replace(each, estimate=few) if each.node == "L1H1" else each for each in shown.mediators)
    with History.at(history_of(month(1, evidence=[replace(shown, mediators=mediators)]))) as history:
        (head,) = head_histories(history, "induction", "L1H1")
    assert [each.mediates for each in head.results] == [None]
    (line,) = head_history(head)[2:]
    assert "0.50 (no interval)  inconclusive: 7 prompts are too few" in line


def test_a_run_that_is_in_it_is_known_afterwards(old, tmp_path):
    with History.at(old) as history:
        (tmp_path / "run.json").write_text(history.text("6c78afa0"))
        assert import_runs(history, [tmp_path / "run.json"]) == ImportReport(0, 1, (), ())


def test_a_step_that_fails_leaves_the_schema_before_it(old, monkeypatch):
    before = schema(old)

    def fails(connection):
        MIGRATIONS[1](connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(database, "MIGRATIONS", (MIGRATIONS[0], fails, *MIGRATIONS[2:]))
    with pytest.raises(KeyboardInterrupt), History.at(old):
        pass
    assert schema(old) == before
    monkeypatch.undo()
    with History.at(old) as history:
        assert len(run_summaries(history)) == 3
