"""The tables of a calibration as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mi_checks.studies.calibration.calibration_tables import LEGEND, Table


def lines(tables: Sequence[Table], level: int = 2) -> list[str]:
    """Return the lines of the tables, each under a heading of this level."""
    all_lines = [LEGEND, ""]
    for table in tables:
        all_lines += [f"{'#' * level} {table.title}", "", table.about, ""]
        all_lines += [line(row) for row in (table.header, ["---"] * len(table.header), *table.rows)]
        all_lines.append("")
    return all_lines[:-1]


def line(row: Sequence[str]) -> str:
    """Return one row, with the bars in its cells escaped."""
    escaped = (cell.replace("|", "\\|") for cell in row)
    return f"| {' | '.join(escaped)} |"
