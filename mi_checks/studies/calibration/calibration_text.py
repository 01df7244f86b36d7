"""The tables of a calibration for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from mi_checks.output.tables import terminal_table
from mi_checks.studies.calibration.calibration_tables import LEGEND, Table


def lines(tables: Sequence[Table], width: int) -> list[str]:
    """Return the lines of the tables; only text is wrapped to the width, tables are not."""
    all_lines: list[str] = []
    for table in tables:
        all_lines += [table.title, *textwrap.wrap(table.about, width), ""]
        all_lines += [*terminal_table([table.header, *table.rows]), ""]
    return [*all_lines, *textwrap.wrap(LEGEND, width)]
