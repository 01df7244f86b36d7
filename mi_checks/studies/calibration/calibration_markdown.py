"""The tables of a calibration as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from mi_checks.output.tables import markdown_table
from mi_checks.studies.calibration.calibration_tables import LEGEND, Table


def lines(tables: Sequence[Table], level: int = 2) -> list[str]:
    """Return the lines of the tables, each under a heading of this level."""
    all_lines = [LEGEND, ""]
    for table in tables:
        all_lines += [f"{'#' * level} {table.title}", "", table.about, ""]
        all_lines += [*markdown_table(table.header, table.rows), ""]
    return all_lines[:-1]
