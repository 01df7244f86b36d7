"""A behaviour's effect at every checkpoint of a series, and the tests of its changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mi_checks.results.evidence import Effect
from mi_checks.stats.bootstrap import Floats
from mi_checks.stats.p_values import holm, mean_p_value

METHOD = (
    "A behaviour appears where its mean effect first reaches half of its largest in the series, counted from zero, "
    "and goes where it falls below that for good: 95 % percentile bootstrap, paired over prompts, of the checkpoint, "
    "out to the one before it. Two-sided t-tests of each checkpoint against zero, and paired against the first and the "
    "last, p corrected by Holm over the {} made here; 95 % intervals of effects by bootstrap over prompts, uncorrected."
)


@dataclass(frozen=True)
class Curve:
    """A behaviour's effects over a series, on the same prompts."""

    behaviour: str
    effects: tuple[Effect, ...]

    @cached_property
    def values(self) -> Floats:
        """`checkpoint prompt`."""
        return np.array([effect.per_prompt for effect in self.effects])

    @property
    def means(self) -> tuple[float, ...]:
        """At each checkpoint."""
        return tuple(effect.estimate.value for effect in self.effects)

    @property
    def top(self) -> int:
        """The checkpoint at which the effect is largest, the first of several."""
        return int(np.argmax(self.means))


@dataclass(frozen=True)
class PValues:
    """p-values at each checkpoint, Holm-corrected over all that were made; 1 where there was nothing to test.

    Attributes:
        zero: that the effect is zero.
        first: that it is what it is at the first checkpoint, paired.
        last: that it is what it is at the last, paired; between first and last there is one test.
    """

    zero: tuple[float, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]


def p_values(curves: Sequence[Curve]) -> tuple[tuple[PValues, ...], int]:
    """The tests of all curves, corrected together, and how many they are."""
    raw = [_raw(curve.values) for curve in curves]
    made = [p for each in raw for p in each.values()]
    corrected = iter(holm(np.array(made)).tolist())
    found = []
    for curve, each in zip(curves, raw, strict=True):
        p = {key: next(corrected) for key in each}
        places = range(len(curve.effects))
        p["last", 0] = p["first", places[-1]]
        found.append(PValues(*(tuple(p.get((kind, k), 1.0) for k in places) for kind in ("zero", "first", "last"))))
    return tuple(found), len(made)


def _raw(values: Floats) -> dict[tuple[str, int], float]:
    end = len(values) - 1
    return {
        **{("zero", k): mean_p_value(values[k]) for k in range(end + 1)},
        **{("first", k): mean_p_value(values[k] - values[0]) for k in range(1, end + 1)},
        **{("last", k): mean_p_value(values[k] - values[end]) for k in range(1, end)},
    }


def method(tests: int) -> str:
    """How it was decided, in words."""
    return METHOD.format(f"{tests:,} test{'' if tests == 1 else 's'}")
