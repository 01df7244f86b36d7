"""A horizontal axis: its domain, its round ticks, and where a value falls on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mi_checks.output.numbers import number


@dataclass(frozen=True)
class Axis:
    """Maps `low … high` onto the pixels `left … right`."""

    low: float
    high: float
    left: float
    right: float

    def x(self, value: float) -> float:
        """The pixel of a value, held within the axis."""
        return self.xs([value])[0]

    def xs(self, values: list[float]) -> list[float]:
        """The pixels of many."""
        low, high, scale = self.low, self.high, (self.right - self.left) / (self.high - self.low)
        return [round(self.left + (min(max(value, low), high) - low) * scale, 1) for value in values]

    def ticks(self, about: int = 4) -> tuple[tuple[float, str], ...]:
        """Round values with their labels."""
        step = _round_step((self.high - self.low) / about)
        places = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple((self.x(k * step), number(k * step, places)) for k in range(first, last + 1))


def fit(must_show: list[float], may_show: list[float], left: float, right: float) -> Axis:
    """An axis that shows all of `must_show`, and of `may_show` what does not squeeze the rest."""
    low, high = min(must_show), max(must_show)
    width = (high - low) or max(abs(high), 1.0)
    if may_show:
        ordered = sorted(may_show)
        cut = len(ordered) // 50
        low = min(low, max(ordered[cut], low - width))
        high = max(high, min(ordered[-1 - cut], high + width))
    margin = 0.05 * ((high - low) or width)
    return Axis(low - margin, high + margin, left, right)


def _round_step(raw: float) -> float:
    power: float = 10.0 ** math.floor(math.log10(raw))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
