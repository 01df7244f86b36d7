"""The counts of a calibration as tables (for a terminal and as Markdown) and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mi_checks.output.json_text import json_text
from mi_checks.output.numbers import percent
from mi_checks.output.tables import markdown_table, terminal_table
from mi_checks.studies.calibration.false_positive_rates import ClaimRates, Rate
from mi_checks.studies.calibration.nulls import AT_THE_BOUND, FRESH_MODELS, RANDOM_ANSWERS, RANDOM_CIRCUITS, RUN_PROMPTS
from mi_checks.studies.calibration.run_calibration import Calibration
from mi_checks.studies.calibration.simulation.all_tables import CellTable
from mi_checks.studies.calibration.simulation.cells import PROMISED_ERROR, PROMISED_ERROR_OF_FEW, Cell

PROMISES = (PROMISED_ERROR, PROMISED_ERROR_OF_FEW, None)
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
CELL_LEGEND = (
    "Error: how often a claim that is just false passes, on the worse side; nominally 2.5 %. At most 3 % is promised "
    "of at least 64 prompts and 16 rows of every sampled factor, and at most 5 % of fewer. ▲: above what is promised "
    "by more than two standard errors. Refused: draws without an interval. Half-width: relative to the percentile "
    "bootstrap over prompts, which was used before, and its error. Power: how often a bound 0.8 standard deviations "
    "away is excluded, on the worse side."
)
_RATES = ("passed", "with_gap", "failed", "as_shipped")


@dataclass(frozen=True)
class CalibrationTable:
    """A title, a description, and rows as wide as the header."""

    title: str
    about: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def calibration_tables(calibration: Calibration) -> tuple[CalibrationTable, ...]:
    """Return all tables that have a row."""
    nulls = (_null_table(null, calibration) for null in NULL_DESCRIPTIONS)
    summary = [summary_table(calibration.tables)] if calibration.tables else []
    return (*(table for table in nulls if table.rows), *summary, *map(cell_table, calibration.tables))


def summary_table(tables: Sequence[CellTable]) -> CalibrationTable:
    """Return the worst error of each table of simulated samples, where 3 %, and where 5 %, is promised."""
    rows = [
        (
            table.title,
            str(len(table.cells)),
            *(_worst_text(cell for cell in table.cells if cell.promised == most) for most in PROMISES),
            str(sum(cell.exceeds_promise for cell in table.cells)),
        )
        for table in tables
    ]
    promises = [percent(most) for most in PROMISES if most is not None]
    header = ("table", "cells", *(f"worst, {each} promised" for each in promises), "worst, none promised", "marked")
    about = "The largest error of one side in each of the tables below, in the cell that is named."
    return CalibrationTable("Simulated samples: the worst cells", about, header, tuple(rows))


def _worst_text(cells: Iterable[Cell]) -> str:
    worst = max(cells, key=lambda cell: cell.error, default=None)
    return "–" if worst is None else f"{error_text(worst)} ({worst.values}; {worst.sample})"


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


def cell_table(table: CellTable) -> CalibrationTable:
    """Return the table of simulated samples, without columns that no cell has."""
    cells = table.cells
    columns = {
        "values": [cell.values for cell in cells],
        "sample": [cell.sample for cell in cells],
        "error": [error_text(cell) for cell in cells],
        "refused": [percent(cell.refused / cell.draws) if cell.refused else "–" for cell in cells],
        "half-width": ["–" if cell.width is None else f"{cell.width:.2f} ×" for cell in cells],
        "power": [_percent_text(cell.power) for cell in cells],
        "error of the percentile bootstrap": [_percent_text(cell.former) for cell in cells],
    }
    used = {name: texts for name, texts in columns.items() if any(text != "–" for text in texts)}
    title = f"{table.title}: {min(cell.draws for cell in cells):,} draws"
    return CalibrationTable(title, table.about, tuple(used), tuple(zip(*used.values(), strict=True)))


def error_text(cell: Cell) -> str:
    """Return the error of the worse side in per cent, marked if it is above what is promised."""
    return percent(cell.error) + (RATE_MARKS["above"] if cell.exceeds_promise else "")


def _percent_text(rate: float | None) -> str:
    return "–" if rate is None else percent(rate)


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
    return [*all_lines, *textwrap.wrap(RATE_LEGEND, width), "", *textwrap.wrap(CELL_LEGEND, width)]


def markdown_lines(tables: Sequence[CalibrationTable], level: int = 2) -> list[str]:
    """Return the lines of the tables, each under a heading of this level."""
    all_lines = [RATE_LEGEND, "", CELL_LEGEND, ""]
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
        tuple(
            CellTable(table["title"], table["about"], tuple(Cell(**cell) for cell in table["cells"]))
            for table in data["tables"]
        ),
    )


def _with_rates(row: dict[str, Any]) -> dict[str, Any]:
    return {key: Rate(**value) if key in _RATES and value is not None else value for key, value in row.items()}
