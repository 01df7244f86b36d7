"""The effect of a behaviour at every checkpoint of a series, and the tests of its changes."""

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
    """The effects of a behaviour over a series, on the same prompts."""

    behaviour: str
    effects: tuple[Effect, ...]

    @cached_property
    def values(self) -> Floats:
        """Return the effects, `checkpoint prompt`."""
        return np.array([effect.per_prompt for effect in self.effects])

    @property
    def means(self) -> tuple[float, ...]:
        """Return the mean effect at each checkpoint."""
        return tuple(effect.estimate.value for effect in self.effects)

    @property
    def top(self) -> int:
        """Return the index of the checkpoint with the largest effect, the first of several."""
        return int(np.argmax(self.means))


@dataclass(frozen=True)
class PValues:
    """The p values at each checkpoint, Holm-corrected over all tests; 1 if there was nothing to test.

    Attributes:
        zero: for the hypothesis that the effect is zero.
        first: for the hypothesis that it equals the effect at the first checkpoint, paired.
        last: for the hypothesis that it equals the effect at the last checkpoint, paired; there is one test between the
            first and the last checkpoint.
    """

    zero: tuple[float, ...]
    first: tuple[float, ...]
    last: tuple[float, ...]


def p_values(curves: Sequence[Curve]) -> tuple[tuple[PValues, ...], int]:
    """Return the tests of all curves, corrected together, and their number."""
    raw = [_raw(curve.values) for curve in curves]
    all_p = [p for each in raw for p in each.values()]
    corrected = iter(holm(np.array(all_p)).tolist())
    results = []
    for curve, each in zip(curves, raw, strict=True):
        p = {key: next(corrected) for key in each}
        places = range(len(curve.effects))
        p["last", 0] = p["first", places[-1]]
        results.append(PValues(*(tuple(p.get((kind, k), 1.0) for k in places) for kind in ("zero", "first", "last"))))
    return tuple(results), len(all_p)


def _raw(values: Floats) -> dict[tuple[str, int], float]:
    end = len(values) - 1
    return {
        **{("zero", k): mean_p_value(values[k]) for k in range(end + 1)},
        **{("first", k): mean_p_value(values[k] - values[0]) for k in range(1, end + 1)},
        **{("last", k): mean_p_value(values[k] - values[end]) for k in range(1, end)},
    }


def method(tests: int) -> str:
    """Return a description of the method."""
    return METHOD.format(f"{tests:,} test{'' if tests == 1 else 's'}")
