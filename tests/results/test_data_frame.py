"""A run as a pandas frame."""

import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.results.data_frame import COLUMNS, frame
from tests.effects import around
from tests.made_results import result, run_of


def test_one_row_per_check(run):
    pytest.importorskip("pandas")
    table = frame(run)
    assert tuple(table.columns) == COLUMNS
    assert list(table["outcome"]) == ["pass", "fail", "error"]
    assert table["value"][0] == run.results[0].estimate.value
    assert table["weights_sha256"][0] == "a" * 64
    assert table["per_prompt"][1] == run.results[1].per_prompt
    assert set(table["started"]) == {run.started}


def test_what_was_not_measured_is_missing(run):
    pandas = pytest.importorskip("pandas")
    table = frame(run)
    assert list(pandas.isna(table["value"])) == [False, False, True]
    assert str(table["n"].dtype) == "Int64"
    assert table["n"].sum() == 128


def test_an_interval_that_would_not_hold_has_no_ends():
    pandas = pytest.importorskip("pandas")
    table = frame(run_of(result("logit_diff", around(3, n=7), at_least=2), result("accuracy", around(3), at_least=2)))
    assert list(pandas.isna(table["low"])) == list(pandas.isna(table["high"])) == [True, False]
    assert table["value"][0] == pytest.approx(3)
    assert (table["refusal"][0], pandas.isna(table["refusal"][1])) == ("few prompts", True)


def test_a_run_of_nothing_has_the_same_columns():
    pytest.importorskip("pandas")
    assert (len(frame(run_of())), tuple(frame(run_of()).columns)) == (0, COLUMNS)


def test_without_pandas(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MiChecksError) as told:
        frame(run)
    assert str(told.value) == (
        "a data frame needs pandas, which is not installed: pip install -c constraints.txt -e '.[pandas]'"
    )


def test_pandas_and_torch_are_not_imported_to_read(path):
    code = (
        "import sys\nfrom mi_checks.results.read_run import read_run\n"
        "import mi_checks.results.data_frame, mi_checks.compare.run_comparison\n"
        f"read_run({str(path)!r})\nassert not {{'pandas', 'torch'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_declared_checks_say_so():
    pytest.importorskip("pandas")
    declared = result("accuracy", around(2, 0.5), at_least=2, outcome="inconclusive", declared="inconclusive")
    table = frame(run_of(declared, result("logit_diff", around(3), at_least=2)))
    assert list(table["declared"]) == ["inconclusive", ""]
