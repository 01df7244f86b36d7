"""A curve and its tests → whether the behaviour appears, was there from the start, goes again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from mi_checks.stats.bootstrap import ALPHA
from mi_checks.studies.emergence.bracket import Bracket, fall, rise
from mi_checks.studies.emergence.effect_curve import Curve, PValues, p_values

Kind = Literal["appears", "from the start", "does not appear", "cannot tell"]
KINDS: tuple[Kind, ...] = ("appears", "from the start", "does not appear", "cannot tell")  # in the order of tables


@dataclass(frozen=True)
class Appearance:
    """What became of one behaviour in training.

    Attributes:
        curve: its effects.
        tests: of their changes.
        kind: the verdict.
        appears: between which checkpoints, where it does; from the start it is there by the first.
        goes: between which checkpoints it goes again, where it surely does.
        reason: why it does not appear, or why nobody can tell; else empty.
    """

    curve: Curve
    tests: PValues
    kind: Kind
    appears: Bracket | None = None
    goes: Bracket | None = None
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Whether the effect is surely above zero at any checkpoint."""
        return any(mean > 0 and p < ALPHA for mean, p in zip(self.curve.means, self.tests.zero, strict=True))


def appearances(curves: Sequence[Curve]) -> tuple[tuple[Appearance, ...], int]:
    """Every curve's, and how many tests were made for all of them together."""
    tests, made = p_values(curves)
    return tuple(_appearance(curve, each) for curve, each in zip(curves, tests, strict=True)), made


def _appearance(curve: Curve, tests: PValues) -> Appearance:
    short = all(effect.ability == "cannot" for effect in curve.effects)
    nothing = Appearance(
        curve, tests, "does not appear" if short else "cannot tell", reason="at no checkpoint surely above zero"
    )
    if not nothing.shown:
        return nothing
    if short:
        return Appearance(curve, tests, "does not appear", reason="surely short of its bounds at every checkpoint")
    appears = rise(curve.values)
    if appears is None:
        return Appearance(curve, tests, "cannot tell", reason="too unsure for half of its largest effect to be found")
    goes = fall(curve.values) if _changed(curve.top, tests.last) else None
    if appears.by == 0:
        return Appearance(curve, tests, "from the start", appears, goes)
    if not _changed(curve.top, tests.first):
        return Appearance(curve, tests, "cannot tell", goes=goes, reason="no sure change since the first checkpoint")
    return Appearance(curve, tests, "appears", appears, goes)


def _changed(top: int, p_values: tuple[float, ...]) -> bool:
    """Whether the largest effect is surely another than that of the first, or of the last."""
    return p_values[top] < ALPHA
