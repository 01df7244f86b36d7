"""A heat map of recovered shares, laid out for drawing; every value also stands in a table."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mi_checks.record import Heatmap
from mi_checks.report import scale
from mi_checks.report.numbers import number

PRINTED = 16  # columns up to which there is room for the values
CHARACTER = 6.2  # pixels, of a label


@dataclass(frozen=True)
class HeatCell:
    """One node. An empty `css` means that it was not measured."""

    x: int
    title: str
    css: str
    text: str
    exact: str  # for the table


@dataclass(frozen=True)
class HeatRow:
    """One layer."""

    y: int  # of the middle
    label: str
    cells: tuple[HeatCell, ...]


@dataclass(frozen=True)
class HeatmapView:
    """Coordinates and words of one heat map."""

    title: str
    width: int
    height: int
    left: int
    cell_width: int
    cell_height: int
    columns: tuple[tuple[int, str], ...]  # label position and text; labels thin out where they would collide
    column_names: tuple[str, ...]
    rows: tuple[HeatRow, ...]
    unmeasured: bool


def heatmap_view(heatmap: Heatmap) -> HeatmapView:
    """Lay out a heat map."""
    labels = max((len(label) for label in heatmap.columns), default=1) * CHARACTER + 8
    printed = len(heatmap.columns) <= PRINTED
    cell_width = max(36, 2 * math.ceil(labels / 2)) if printed else 16 if len(heatmap.columns) <= 48 else 8
    cell_height = 26 if printed else 16
    left = math.ceil(max((len(label) for label in heatmap.rows), default=1) * CHARACTER + 10)
    every = math.ceil(labels / cell_width)
    return HeatmapView(
        title=heatmap.title,
        width=left + cell_width * len(heatmap.columns) + 2,
        height=18 + cell_height * len(heatmap.rows) + 2,
        left=left,
        cell_width=cell_width,
        cell_height=cell_height,
        columns=tuple(
            (left + cell_width * i + cell_width // 2, label)
            for i, label in enumerate(heatmap.columns)
            if i % every == 0
        ),
        column_names=heatmap.columns,
        rows=tuple(
            HeatRow(
                18 + cell_height * i + cell_height // 2,
                label,
                tuple(
                    _cell(left + cell_width * j, _node(label, column), value, printed)
                    for j, (column, value) in enumerate(zip(heatmap.columns, values, strict=True))
                ),
            )
            for i, (label, values) in enumerate(zip(heatmap.rows, heatmap.values, strict=True))
        ),
        unmeasured=any(value is None for values in heatmap.values for value in values),
    )


def _cell(x: int, node: str, value: float | None, printed: bool) -> HeatCell:
    if value is None or not math.isfinite(value):
        return HeatCell(x, f"{node}: not measured", "", "", "not measured")
    exact = number(value, 3)
    return HeatCell(x, f"{node}: {exact}", scale.css_class(scale.level(value)), _short(value) if printed else "", exact)


def _short(value: float) -> str:
    """`.42`: the cell is narrow, and the leading zero says nothing."""
    text = number(value, 2)
    return "0" if text == "0.00" else text.replace("0.", ".", 1) if abs(value) < 1 else text


def _node(row: str, column: str) -> str:
    if column.startswith(row):
        return column
    return f"{row}{column}" if column.startswith("H") else f"{row} {column}"
