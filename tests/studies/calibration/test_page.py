"""The committed figures: every kind of check, enough runs, on the page, and none that passes too often unsaid."""

from pathlib import Path

import pytest

from mi_checks.studies.calibration import calibration_output
from mi_checks.studies.calibration.calibrated_claims import CALIBRATED_KINDS
from mi_checks.studies.calibration.calibration_output import calibration_tables
from mi_checks.studies.calibration.nulls import NULLS

BENCHMARKS = Path(__file__).parents[2].parent / "benchmarks"
WRITES = (
    "composes[previous_token->induction.k@B1]"  # untrained heads write too: it has no null value, and the page says so
)
COUNTED = calibration_output.read_calibration((BENCHMARKS / "results" / "calibration.json").read_text(encoding="utf-8"))


def test_every_kind_of_check_has_at_least_200_runs_of_every_null():
    assert COUNTED.runs >= 200
    assert COUNTED.draws >= 1000
    assert {row.kind for row in COUNTED.rows} == set(CALIBRATED_KINDS)
    assert {row.null for row in COUNTED.rows} == set(NULLS)
    rates = [rate for row in COUNTED.rows for rate in (row.passed, row.as_shipped) if rate is not None]
    assert {rate.runs for rate in rates} == {COUNTED.runs}


@pytest.mark.parametrize("null", ["fresh models", "random answers", "random circuits"])
def test_where_nothing_is_so_no_claim_passes_more_often_than_nominal(null):
    rows = [row for row in COUNTED.rows if row.null == null]
    assert rows
    for row in rows:
        if row.claim == WRITES:
            continue
        for rate in (row.passed, row.as_shipped):
            assert rate is None or rate.comparison != "above", row


def test_held_to_what_is_true_only_attention_passes_too_often():
    above = {row.kind for row in COUNTED.rows if row.null == "at the bound" and row.passed.comparison == "above"}
    assert above <= {"attention"}


def test_what_was_counted_is_on_the_page():
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    for table in calibration_tables(COUNTED):
        assert f"### {table.title}\n" in page
        for row in table.rows:
            assert calibration_output.markdown_row(row) in page
