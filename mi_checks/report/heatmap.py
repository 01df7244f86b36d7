"""A heat map of fractions recovered: a table with coloured cells, which are readable without the colours."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mi_checks.output.numbers import number
from mi_checks.results.evidence import Heatmap

STEPS_PER_SIDE = 20  # steps on each side of 0
MAX_COLOURED_FRACTION = 1.0  # a fraction of 1 is the whole effect; larger values are drawn like it
LIGHT_COLOURS = ("#174a94", "#f1eee8", "#a83c06")  # −1, 0, +1
DARK_COLOURS = ("#86b8ff", "#25282d", "#ff9c5f")

ColourTriple = tuple[float, float, float]


def colour_step(value: float) -> int:
    """Return the step of a value, −STEPS_PER_SIDE … STEPS_PER_SIDE."""
    return round(min(max(value / MAX_COLOURED_FRACTION, -1.0), 1.0) * STEPS_PER_SIDE)


def css_class(step: int) -> str:
    """Return the class name of a step: `n20` … `z0` … `p20`."""
    return f"{'n' if step < 0 else 'p' if step else 'z'}{abs(step)}"


COLOUR_CLASSES = tuple(css_class(step) for step in range(-STEPS_PER_SIDE, STEPS_PER_SIDE + 1))


def css_rules(anchors: tuple[str, str, str]) -> tuple[tuple[str, str, str], ...]:
    """Return for each step its class, its colour, and the text colour of a value written on it."""
    fills = [colour(step, anchors) for step in range(-STEPS_PER_SIDE, STEPS_PER_SIDE + 1)]
    return tuple((name, fill, text_colour(fill)) for name, fill in zip(COLOUR_CLASSES, fills, strict=True))


def colour(step: int, anchors: tuple[str, str, str]) -> str:
    """Return the colour of a step as `#rrggbb`."""
    end = _oklab(anchors[2] if step > 0 else anchors[0])
    middle, weight = _oklab(anchors[1]), abs(step) / STEPS_PER_SIDE
    return _hex(
        (
            middle[0] + weight * (end[0] - middle[0]),
            middle[1] + weight * (end[1] - middle[1]),
            middle[2] + weight * (end[2] - middle[2]),
        )
    )


def text_colour(fill: str) -> str:
    """Return black or white, whichever has the higher contrast."""
    return "#000" if contrast(fill, "#000000") >= contrast(fill, "#ffffff") else "#fff"


def contrast(one: str, other: str) -> float:
    """Return the WCAG contrast ratio of two colours."""
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _linear(colour: str) -> ColourTriple:
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return _expand(r), _expand(g), _expand(b)


def _expand(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def _luminance(colour: str) -> float:
    r, g, b = _linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _oklab(colour: str) -> ColourTriple:
    # Björn Ottosson's OKLab, https://bottosson.github.io/posts/oklab/
    r, g, b = _linear(colour)
    l_ = (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3)
    m_ = (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3)
    s_ = (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3)
    return (
        0.2104542553 * l_ + 0.7936177850 * m_ - 0.0040720468 * s_,
        1.9779984951 * l_ - 2.4285922050 * m_ + 0.4505937099 * s_,
        0.0259040371 * l_ + 0.7827717662 * m_ - 0.8086757660 * s_,
    )


def _hex(lab: ColourTriple) -> str:
    lightness, a, b = lab
    l_ = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    m_ = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    s_ = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * l_ - 3.3077115913 * m_ + 0.2309699292 * s_,
        -1.2684380046 * l_ + 2.6097574011 * m_ - 0.3413193965 * s_,
        -0.0041960863 * l_ - 0.7034186147 * m_ + 1.7076147010 * s_,
    )
    return "#" + "".join(f"{_byte(channel):02x}" for channel in linear)


def _byte(channel: float) -> int:
    channel = min(max(channel, 0.0), 1.0)
    encoded = 12.92 * channel if channel <= 0.0031308 else 1.055 * float(channel ** (1 / 2.4)) - 0.055
    return round(encoded * 255)


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


UNMEASURED_CELL = HeatCell("nm", "–")


def heatmap_view(heatmap: Heatmap) -> HeatmapView:
    """Lay out a heat map."""
    rows = tuple(
        HeatRow(label, tuple(map(_cell, values))) for label, values in zip(heatmap.rows, heatmap.values, strict=True)
    )
    return HeatmapView(
        title=_title(heatmap.title),
        columns=heatmap.columns,
        rows=rows,
        unmeasured=any(cell is UNMEASURED_CELL for row in rows for cell in row.cells),
    )


def _title(title: str) -> str:
    return f"{title[:1].upper()}{title[1:]}"


def _cell(value: float | None) -> HeatCell:
    if value is None or not math.isfinite(value):
        return UNMEASURED_CELL
    return HeatCell(css_class(colour_step(value)), number(value, 3))
