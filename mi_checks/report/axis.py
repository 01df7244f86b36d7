"""A horizontal axis: its domain, its rounded ticks, and the pixel of each value."""

from __future__ import annotations

import math
from dataclasses import dataclass

from mi_checks.output.numbers import number


@dataclass(frozen=True)
class Axis:
    """A linear map from the domain `low … high` to the pixels `left … right`."""

    low: float
    high: float
    left: float
    right: float

    def x(self, value: float) -> float:
        """Return the pixel of a value; values outside the domain are clamped to its ends."""
        return self.xs([value])[0]

    def xs(self, values: list[float]) -> list[float]:
        """Return the pixels of several values; values outside the domain are clamped to its ends."""
        low, high, scale = self.low, self.high, (self.right - self.left) / (self.high - self.low)
        return [round(self.left + (min(max(value, low), high) - low) * scale, 1) for value in values]

    def ticks(self, n_ticks: int = 4) -> tuple[tuple[float, str], ...]:
        """Return about `n_ticks` rounded tick values, each as its pixel and its label."""
        step = _round_step((self.high - self.low) / n_ticks)
        places = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return tuple((self.x(k * step), number(k * step, places)) for k in range(first, last + 1))


def fit(must_show: list[float], may_show: list[float], left: float, right: float) -> Axis:
    """Return an axis that shows all of `must_show`, and as much of `may_show` as does not compress the rest."""
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
