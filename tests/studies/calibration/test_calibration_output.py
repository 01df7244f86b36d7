"""Tables of a calibration, and the benchmarks page with them."""

from pathlib import Path

import pytest

from mi_checks.output.tables import markdown_row
from mi_checks.studies.calibration import calibration_output
from mi_checks.studies.calibration.calibrated_claims import CALIBRATED_KINDS
from mi_checks.studies.calibration.calibration_output import CELL_LEGEND, RATE_LEGEND, calibration_tables
from mi_checks.studies.calibration.false_positive_rates import ClaimRates, Rate
from mi_checks.studies.calibration.nulls import NULLS
from mi_checks.studies.calibration.run_calibration import Calibration
from mi_checks.studies.calibration.simulation.all_tables import CellTable
from mi_checks.studies.calibration.simulation.cells import Cell

SOME = Calibration(
    200,
    1000,
    0,
    (
        ClaimRates("fresh models", "logit_diff", "logit_diff", "at least 0", Rate(30, 200, 0.025), None,
            Rate(4, 200, 0.025), "at least 2", Rate(0, 200, 0.025)),
        ClaimRates("fresh models", "patching", "patching[x]", "at least 0", Rate(3, 200, 0.025), Rate(3, 5, 0.025),
            None, "at least 0.8", Rate(0, 200, 0.025)),
        ClaimRates("at the bound", "patching", "patching[x]", "at least 0.97", Rate(5, 200, 0.025), None,
            Rate(6, 200, 0.025)),
    ),
    (
        CellTable("Means", "Of everything.", (
            Cell("normal", "16 prompts", 2000, 0, 40, 31, 0.05, 0.042, 1.456, 0.655),
            Cell("lognormal", "64 prompts", 2000, 300, 10, 90, 0.03, 0.088, 1.47, 0.84),
            Cell("attention", "64 prompts", 2000, 0, 10, 9, 0.03, 0.088, 1.3, None),
        )),
        CellTable("Families", "Of tests.", (Cell("normal", "64 prompts", 2000, 0, 50, 31, 0.03),)),
        CellTable("What cannot be held", "Tails.", (Cell("Pareto", "64 prompts", 2000, 0, 500, 31, None),)),
    ),
)  # fmt: skip


def test_what_was_counted_is_read_again():
    assert calibration_output.read_calibration(calibration_output.calibration_json(SOME)) == SOME


def test_a_row_says_how_often_and_how_that_is_beside_nominal():
    fresh, bound, *_ = calibration_tables(SOME)
    assert fresh.title == "Fresh models: 200 runs of 64 prompts"
    assert dict(zip(fresh.header, fresh.rows[0], strict=True)) == {
        "claim": "logit_diff",
        "bound": "at least 0",
        "false-positive rate": "15.0 % ▲",
        "with an effect size": "–",
        "fail rate": "2.0 %",
        "typical bound": "at least 2",
        "false-positive rate there": "0.0 %",
    }
    assert fresh.rows[1][3] == "3 of 5"
    assert bound.header == ("claim", "bound", "pass rate", "fail rate")


def test_a_cell_says_how_often_it_errs_and_what_that_costs():
    means, families, not_held = calibration_tables(SOME)[3:]
    assert means.title == "Means: 2,000 draws"
    assert means.header == (
        "values", "sample", "error", "refused", "half-width", "power", "error of the percentile bootstrap",
    )  # fmt: skip
    assert means.rows == (
        ("normal", "16 prompts", "2.0 %", "–", "1.46 ×", "65.5 %", "4.2 %"),
        ("lognormal", "64 prompts", "4.5 % ▲", "15.0 %", "1.47 ×", "84.0 %", "8.8 %"),
        ("attention", "64 prompts", "0.5 %", "–", "1.30 ×", "–", "8.8 %"),
    )
    assert families.header == ("values", "sample", "error")
    assert families.rows == (("normal", "64 prompts", "2.5 %"),)
    assert not_held.rows == (("Pareto", "64 prompts", "25.0 %"),)  # nothing is promised, so nothing is marked


def test_the_worst_cells_come_first():
    summary = calibration_tables(SOME)[2]
    assert summary.header == (
        "table", "cells", "worst, 3.0 % promised", "worst, 5.0 % promised", "worst, none promised", "marked",
    )  # fmt: skip
    assert summary.rows == (
        ("Means", "3", "4.5 % ▲ (lognormal; 64 prompts)", "2.0 % (normal; 16 prompts)", "–", "1"),
        ("Families", "1", "2.5 % (normal; 64 prompts)", "–", "–", "0"),
        ("What cannot be held", "1", "–", "–", "25.0 % (Pareto; 64 prompts)", "0"),
    )


def test_some_kinds_alone_have_no_simulated_samples():
    assert [table.title for table in calibration_tables(Calibration(200, 0, 0, SOME.rows[2:]))] == [
        "At the bound: 200 runs of 64 prompts"
    ]


def test_columns_stand_below_each_other():
    shown = calibration_output.text_lines(calibration_tables(SOME), 100)
    header = next(line for line in shown if line.startswith("claim  "))
    row = next(line for line in shown if line.startswith("logit_diff"))
    for name, cell in (("bound", "at least 0"), ("false-positive rate", "15.0 % ▲"), ("typical bound", "at least 2")):
        assert header.index(name) == row.index(cell)
    words = "".join(shown).replace(" ", "")  # lines are broken at spaces and hyphens
    assert RATE_LEGEND.replace(" ", "") in words
    assert words.endswith(CELL_LEGEND.replace(" ", ""))


@pytest.mark.parametrize("title", [table.title for table in calibration_tables(SOME)])
def test_a_page_has_every_table_under_a_headline(title):
    shown = calibration_output.markdown_lines(calibration_tables(SOME), level=3)
    assert f"### {title}" in shown
    rows = [line for line in shown if line.startswith("|")]
    assert "| patching[x] | at least 0.97 | 2.5 % | 3.0 % |" in rows


BENCHMARKS = Path(__file__).parents[2].parent / "benchmarks"
WRITES = (
    "composes[previous_token->induction.k@B1]"  # untrained heads write too: it has no null value, and the page says so
)
COUNTED = calibration_output.read_calibration((BENCHMARKS / "results" / "calibration.json").read_text(encoding="utf-8"))


def test_every_kind_of_check_has_at_least_200_runs_of_every_null():
    assert COUNTED.runs >= 200
    assert COUNTED.draws >= 2000
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


def test_held_to_what_is_true_no_claim_passes_too_often():
    rows = [row for row in COUNTED.rows if row.null == "at the bound"]
    assert rows
    assert [row.claim for row in rows if row.passed.comparison == "above"] == []


def test_no_simulated_cell_exceeds_what_is_promised():
    cells = [cell for table in COUNTED.tables for cell in table.cells]
    assert len(cells) > 400
    assert min(cell.draws for cell in cells) >= 1000
    assert [cell for cell in cells if cell.exceeds_promise] == []


def test_what_was_counted_is_on_the_page():
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    for table in calibration_tables(COUNTED):
        assert f"### {table.title}\n" in page
        for row in table.rows:
            assert markdown_row(row) in page


ON_THE_STATISTICS_PAGE = (
    "Simulated samples: the worst cells",
    "Means of values without limits: 2,000 draws",
    "What cannot be held: 2,000 draws",
)


@pytest.mark.parametrize("title", ON_THE_STATISTICS_PAGE)
def test_the_statistics_page_has_these_figures(title):
    page = (BENCHMARKS.parent / "docs" / "statistics.md").read_text(encoding="utf-8")
    (table,) = (table for table in calibration_tables(COUNTED) if table.title == title)
    for row in (table.header, *table.rows):
        assert markdown_row(row) in page
