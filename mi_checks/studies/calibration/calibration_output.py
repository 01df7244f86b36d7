"""The counts of a calibration as tables (for a terminal and as Markdown) and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mi_checks.output.json_text import json_text
from mi_checks.output.numbers import percent
from mi_checks.output.tables import markdown_table, terminal_table
from mi_checks.studies.calibration.false_positive_rates import ClaimRates, Rate
from mi_checks.studies.calibration.interval_coverage import IntervalCoverage, RejectionRate
from mi_checks.studies.calibration.nulls import AT_THE_BOUND, FRESH_MODELS, RANDOM_ANSWERS, RANDOM_CIRCUITS, RUN_PROMPTS
from mi_checks.studies.calibration.run_calibration import Calibration

RATE_MARKS = {"within": "", "above": " ▲", "below": " ▽"}
RATE_LEGEND = (
    "▲: above the nominal rate, ▽: below it (exact binomial tests, each p < 0.001); all other rates are within "
    "binomial error of the nominal rate."
)
NULL_DESCRIPTIONS: Mapping[str, str] = {
    FRESH_MODELS: "Untrained models of the shape of the nano models, a new one in every run, with new prompts and "
    "claims about randomly drawn heads: no effect has a direction. A claim held to the value that "
    "holds without an effect should pass in at most 2.5 % of runs, and a claim that is not about a "
    "fraction should fail in as many. A claim about a fraction needs an effect size above zero, so it"
    " passes less often; the next column counts the runs that had one. Attention is to a randomly "
    "drawn position. Typical bounds are about those of the bundled induction behaviours, where they "
    "have such a check. What a head writes (`composes` at a label) has no null value, because "
    "untrained heads write too.",
    RANDOM_ANSWERS: "Trained models with a known induction circuit and claims about its heads; answer and foil of "
    "every prompt are two random tokens in random order. No effect has a direction, whatever the "
    "model does. The columns are those of the table above.",
    AT_THE_BOUND: "The same models with the true answers; prompts are drawn from a pool, and every claim is held to"
    " its exact value on that pool (for a curve: with the order of nodes that the run found). It "
    "should pass in 2.5 % of runs, and fail in 2.5 %.",
    RANDOM_CIRCUITS: "A circuit of three randomly drawn heads, on the true answers: in a fraction α of runs it should "
    "be better than all but a fraction α of the circuits of its size.",
}
_RATES = ("passed", "with_gap", "failed", "as_shipped", "covered", "above", "below", "rejected")


@dataclass(frozen=True)
class CalibrationTable:
    """A title, a description, and rows as wide as the header."""

    title: str
    about: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def calibration_tables(calibration: Calibration) -> tuple[CalibrationTable, ...]:
    """Return all tables that have a row."""
    all_tables = [_null_table(null, calibration) for null in NULL_DESCRIPTIONS] + [
        _coverage_table(calibration),
        _rejection_table(calibration),
    ]
    return tuple(table for table in all_tables if table.rows)


def _null_table(null: str, calibration: Calibration) -> CalibrationTable:
    rows = [row for row in calibration.rows if row.null == null]
    pass_rate = "false-positive rate" if null in (FRESH_MODELS, RANDOM_ANSWERS) else "pass rate"
    columns = {
        "claim": [row.claim for row in rows],
        "bound": [row.bound or "–" for row in rows],
        pass_rate: [_rate_text(row.passed) for row in rows],
        "with an effect size": [_count_text(row.with_gap) for row in rows],
        "fail rate": [_rate_text(row.failed) for row in rows],
        "typical bound": [row.shipped for row in rows],
        f"{pass_rate} there": [_rate_text(row.as_shipped) for row in rows],
    }
    used = {name: cells for name, cells in columns.items() if any(cell not in ("", "–") for cell in cells)}
    title = f"{null.capitalize()}: {calibration.runs} runs of {RUN_PROMPTS} prompts"
    return CalibrationTable(title, NULL_DESCRIPTIONS[null], tuple(used), tuple(zip(*used.values(), strict=True)))


def _coverage_table(calibration: Calibration) -> CalibrationTable:
    rows = [
        (
            each.interval if each.shipped else f"({each.interval})",
            each.values,
            str(each.n),
            _rate_text(each.covered),
            _rate_text(each.above),
            _rate_text(each.below),
            str(each.refused) if each.refused else "–",
        )
        for each in calibration.coverage
    ]
    about = (
        "How often nominal 95 % intervals cover the true value of simulated effects; how often the whole interval lies "
        "above it, so that a check with `at_least` the true value passes, or below it, so that one with `at_most` "
        "passes (nominal 2.5 % each). Intervals in parentheses are computed from the same values, but no check uses "
        "them."
    )
    header = (
        "interval",
        "values",
        "prompts",
        "coverage",
        "above the true value",
        "below the true value",
        "no interval",
    )
    return CalibrationTable(f"Intervals: {calibration.draws} draws", about, header, tuple(rows))


def _rejection_table(calibration: Calibration) -> CalibrationTable:
    rows = [
        (each.test, each.values, str(each.n), percent(each.rejected.nominal), _rate_text(each.rejected))
        for each in calibration.rejections
    ]
    about = "How often tests reject a true null hypothesis."
    header = ("test", "values", "prompts", "nominal level", "false-positive rate")
    return CalibrationTable(f"Tests: {calibration.draws} draws", about, header, tuple(rows))


def _rate_text(rate: Rate | None) -> str:
    return "–" if rate is None else percent(rate.fraction) + RATE_MARKS[rate.comparison]


def _count_text(rate: Rate | None) -> str:
    return "–" if rate is None else f"{rate.hits} of {rate.runs}"


def text_lines(tables: Sequence[CalibrationTable], width: int) -> list[str]:
    """Return the lines of the tables; only text is wrapped to the width, tables are not."""
    all_lines: list[str] = []
    for table in tables:
        all_lines += [table.title, *textwrap.wrap(table.about, width), ""]
        all_lines += [*terminal_table([table.header, *table.rows]), ""]
    return [*all_lines, *textwrap.wrap(RATE_LEGEND, width)]


def markdown_lines(tables: Sequence[CalibrationTable], level: int = 2) -> list[str]:
    """Return the lines of the tables, each under a heading of this level."""
    all_lines = [RATE_LEGEND, ""]
    for table in tables:
        all_lines += [f"{'#' * level} {table.title}", "", table.about, ""]
        all_lines += [*markdown_table(table.header, table.rows), ""]
    return all_lines[:-1]


def calibration_json(calibration: Calibration) -> str:
    """Return one JSON object; each rate has its hits, its runs and its nominal probability."""
    return json_text(asdict(calibration))


def read_calibration(text: str) -> Calibration:
    """Parse the JSON of `calibration_json`."""
    data = json.loads(text)
    return Calibration(
        data["runs"],
        data["draws"],
        data["seed"],
        tuple(ClaimRates(**_with_rates(row)) for row in data["rows"]),
        tuple(IntervalCoverage(**_with_rates(row)) for row in data["coverage"]),
        tuple(RejectionRate(**_with_rates(row)) for row in data["rejections"]),
    )


def _with_rates(row: dict[str, Any]) -> dict[str, Any]:
    return {key: Rate(**value) if key in _RATES and value is not None else value for key, value in row.items()}
