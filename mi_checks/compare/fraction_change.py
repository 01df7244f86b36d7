"""Two measurements of a fraction → which of its parts moved: what patching moves, or what there is to move.

A fraction recovered also rises where nothing is recovered that was not before, and clean − corrupt shrank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.output.numbers import number
from mi_checks.stats.bootstrap import ALPHA, Floats
from mi_checks.stats.estimate import Estimate, Parts
from mi_checks.stats.p_values import independent_difference, mean_beyond_p_value

TESTED = 2  # parts, so that each is tested at half the level (Bonferroni)

MAIN_PART = 0.5  # of a fraction's change, that its numerator must account for

Direction = Literal["rose", "fell", "did not change significantly", "not known"]
STILL: Direction = "did not change significantly"


@dataclass(frozen=True)
class PartChange:
    """One part then and now; None where it was not measured."""

    then: Estimate | None
    now: Estimate | None
    direction: Direction


@dataclass(frozen=True)
class FractionChange:
    """Both parts of a fraction then and now.

    Attributes:
        numerator: what patching moves, in the score's unit.
        denominator: what there is to move.
        of: what the denominator is called.
    """

    numerator: PartChange
    denominator: PartChange
    of: str

    def is_gain(self, wanted: Direction) -> bool:
        """Whether a fraction that moved as a claim wants it has gained by that.

        One that rose has only if its numerator rose and accounts for at least half of it: where clean − corrupt shrank,
        nothing more is recovered than was. One that fell has also where clean − corrupt grew.
        """
        if wanted == "fell":
            return True
        explained = self._explained
        return self.numerator.direction == "rose" and explained is not None and explained >= MAIN_PART

    @property
    def text(self) -> str:
        """Return both parts in words, and which of them moved the fraction."""
        numerator, denominator = _text(self.numerator), _text(self.denominator)
        return f"numerator {numerator}; denominator, {self.of}, {denominator}{self._because}"

    @property
    def _explained(self) -> float | None:
        """How much of the fraction's change is the numerator's, averaged over which part moves first; None of none."""
        parts = (self.numerator.then, self.numerator.now, self.denominator.then, self.denominator.now)
        before, after, whole, now = (math.nan if part is None else part.value for part in parts)
        if math.isnan(before + after + whole + now) or whole <= 0 or now <= 0:
            return None
        change = after / now - before / whole
        return (after - before) * (1 / whole + 1 / now) / 2 / change if change else None

    @property
    def _because(self) -> str:
        explained = self._explained
        if self.denominator.direction not in ("rose", "fell") or explained is None or explained >= MAIN_PART:
            return ""
        turn = "shrank" if self.denominator.direction == "fell" else "grew"
        if self.numerator.direction == STILL:
            return f": the fraction moved only because {self.of} {turn}"
        how = "mainly" if explained > 0 else "against its numerator,"
        return f": the fraction moved {how} because {self.of} {turn}"


def fraction_change(
    then: Parts | None,
    now: Parts | None,
    fractions: tuple[Sequence[float], Sequence[float]],
    denominators: tuple[Sequence[float], Sequence[float]],
    matters: float,
) -> FractionChange | None:
    """Say which part of a fraction moved; None where one of the runs does not hold them.

    Paired t-tests where there are values per prompt, otherwise z-tests of the two intervals.

    Args:
        then: the parts in the earlier run.
        now: the parts in the later one.
        fractions: `prompt`, in both runs: numerators over the mean denominator; may be empty.
        denominators: `prompt`, in both runs; may be empty.
        matters: the smallest change that is one, as a part of the value.
    """
    if then is None or now is None:
        return None
    numerators = tuple(
        np.asarray(values) * parts.denominator.value for values, parts in zip(fractions, (then, now), strict=True)
    )
    wholes = tuple(map(np.asarray, denominators))
    return FractionChange(
        _change(then.numerator, now.numerator, numerators, matters),
        _change(then.denominator, now.denominator, wholes, matters),
        now.of,
    )


def _change(then: Estimate | None, now: Estimate | None, values: tuple[Floats, ...], matters: float) -> PartChange:
    if then is None or now is None:
        return PartChange(then, now, "not known")
    before, after = values
    least = matters * abs(then.value)
    if len(before) == len(after) > 1 and _is_of(before, then) and _is_of(after, now):
        p_value = mean_beyond_p_value(after - before, least)
    else:
        p_value = independent_difference(then, now)[1] if abs(now.value - then.value) > least else 1.0
    if p_value * TESTED >= ALPHA:
        return PartChange(then, now, STILL)
    return PartChange(then, now, "rose" if now.value > then.value else "fell")


def _is_of(values: Floats, estimate: Estimate) -> bool:
    """Whether the estimate is their mean, up to what files round off."""
    return bool(np.isclose(values.mean(), estimate.value, rtol=0.01, atol=0.002))


def _text(change: PartChange) -> str:
    then, now = ("—" if each is None else number(each.value, 3) for each in (change.then, change.now))
    unit = next((each.unit for each in (change.now, change.then) if each is not None), "")
    return f"{then} → {now} {unit} ({change.direction})"
