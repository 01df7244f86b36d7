"""A heat map of fractions recovered: a table with coloured cells, which are readable without the colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.report import scale
from mi_checks.results.evidence import Heatmap


@dataclass(frozen=True)
class HeatCell:
    """The cell of one node: the class of its colour, "nm" if it was not measured, and its value as text."""

    css: str
    text: str


@dataclass(frozen=True)
class HeatRow:
    """The cells of one layer."""

    label: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatmapView:
    """The contents of one heat map."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    unmeasured: bool


UNMEASURED = HeatCell("nm", "–")


def heatmap_view(heatmap: Heatmap) -> HeatmapView:
    """Lay out a heat map."""
    rows = tuple(
        HeatRow(label, tuple(map(_cell, values))) for label, values in zip(heatmap.rows, heatmap.values, strict=True)
    )
    return HeatmapView(
        title=heatmap.title,
        columns=heatmap.columns,
        rows=rows,
        unmeasured=any(cell is UNMEASURED for row in rows for cell in row.cells),
    )


def _cell(value: float | None) -> HeatCell:
    if value is None or not math.isfinite(value):
        return UNMEASURED
    return HeatCell(scale.css_class(scale.level(value)), number(value, 3))
