"""The tables of a calibration for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mi_checks.studies.calibration.calibration_tables import LEGEND, Table

COLUMN_SEPARATOR = "  "


def lines(tables: Sequence[Table], width: int) -> list[str]:
    """Return the lines of the tables; only text is wrapped to the width, tables are not."""
    all_lines: list[str] = []
    for table in tables:
        widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
        all_lines += [table.title, *textwrap.wrap(table.about, width), ""]
        for row in (table.header, *table.rows):
            all_lines.append(
                COLUMN_SEPARATOR.join(f"{cell:<{wide}}" for cell, wide in zip(row, widths, strict=True)).rstrip()
            )
        all_lines.append("")
    return [*all_lines, *textwrap.wrap(LEGEND, width)]
