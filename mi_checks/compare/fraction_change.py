"""Two measurements of a fraction → which of its parts moved: what patching changes, or the effect size it is of.

A fraction recovered also rises if nothing more is recovered and clean − corrupt shrank.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.compare.margins import MAIN_PART, part_margin
from mi_checks.compare.paired_change import Direction, Measurement, PairedChange, change_between, with_holm_correction
from mi_checks.output.numbers import number
from mi_checks.results.run import CheckResult
from mi_checks.stats.estimate import EFFECT_SIZE_NAME, Estimate
from mi_checks.stats.sampling import SamplingDesign

PartDirection = Literal["rose", "fell", "did not change significantly", "not known"]
STILL: PartDirection = "did not change significantly"


@dataclass(frozen=True)
class PartChange:
    """One part in both measurements; None where it was not measured."""

    then: Estimate | None
    now: Estimate | None
    direction: PartDirection


@dataclass(frozen=True)
class FractionChange:
    """Both parts of a fraction in both measurements.

    Attributes:
        numerator: what patching changes, in the score's unit.
        denominator: the effect size.
        of: what the denominator is called.
    """

    numerator: PartChange
    denominator: PartChange
    of: str

    def is_gain(self, favoured: Direction) -> bool:
        """Return whether a fraction that moved as a claim favours has gained by that.

        One that rose has gained only if its numerator rose and accounts for at least half of the change: where clean −
        corrupt shrank, nothing more is recovered than before. One that fell has also gained if clean − corrupt grew.
        """
        if favoured == "fell":
            return True
        explained = self._explained
        return self.numerator.direction == "rose" and explained is not None and explained >= MAIN_PART

    @property
    def is_still(self) -> bool:
        """Whether neither part changed significantly."""
        return self.numerator.direction == self.denominator.direction == STILL

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
    change: PairedChange, effect_sizes: tuple[Sequence[float], Sequence[float]] = ((), ())
) -> FractionChange | None:
    """Return which part of a fraction moved; None if one of the measurements does not hold them.

    Both parts are tested as every change is, and corrected together.

    Args:
        change: of the fraction.
        effect_sizes: clean − corrupt score in both measurements, `prompt`; empty where it is not known.
    """
    then, now = change.before.parts, change.after.parts
    if then is None or now is None:
        return None
    values = (change.before.per_prompt, change.after.per_prompt) if change.evidence == "paired" else ((), ())
    numerators = [
        Measurement(parts.numerator, tuple((np.asarray(each) * parts.denominator.value).tolist()))
        for parts, each in zip((then, now), values, strict=True)
    ]
    of_all = then.of == now.of == EFFECT_SIZE_NAME
    denominators = [
        Measurement(parts.denominator, tuple(sizes) if of_all else ())
        for parts, sizes in zip((then, now), effect_sizes, strict=True)
    ]
    numerator, denominator = with_holm_correction(
        [_part_change(before, after, change.design) for before, after in (numerators, denominators)]
    )
    return FractionChange(_part(numerator), _part(denominator), now.of)


def _part_change(before: Measurement, after: Measurement, design: SamplingDesign | None) -> PairedChange:
    return change_between(before, after, 0.0 if before.estimate is None else part_margin(before.estimate), design)


def favoured_direction(result: CheckResult) -> Direction | None:
    """Return the direction that a claim favours; None if it is bounded from both sides or from neither."""
    if (result.at_least is None) == (result.at_most is None):
        return None
    more_is_better = (result.at_most is None) != (result.kind == "absent")
    return "rose" if more_is_better else "fell"


def is_better(change: PairedChange, favoured: Direction | None, parts: FractionChange | None) -> bool | None:
    """Return whether a significant change went in the claim's favour, which a smaller effect size alone does not do.

    None if the claim favours neither direction, or if it is not known which part of a fraction moved.
    """
    if favoured is None:
        return None
    if change.direction != favoured:
        return False
    if change.before.parts is None and change.after.parts is None:
        return True
    return None if parts is None else parts.is_gain(favoured)


def _part(change: PairedChange) -> PartChange:
    direction: PartDirection = STILL
    if change.evidence == "none":
        direction = "not known"
    elif change.is_significant:
        direction = "rose" if change.direction == "rose" else "fell"
    return PartChange(change.before.estimate, change.after.estimate, direction)


def _text(change: PartChange) -> str:
    then, now = ("—" if each is None else number(each.value, 3) for each in (change.then, change.now))
    unit = next((each.unit for each in (change.now, change.then) if each is not None), "")
    return f"{then} → {now} {unit} ({change.direction})"
