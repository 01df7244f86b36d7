"""The verdict on a curve: whether the behaviour appears, exists from the start, or disappears again."""

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
    """The verdict on one behaviour in training.

    Attributes:
        curve: its effects.
        tests: the tests of their changes.
        kind: the verdict.
        appears: the checkpoints between which it appears, if it does; `by` is the first one if it exists from the
            start.
        goes: the checkpoints between which it disappears again, if it significantly does.
        reason: why it does not appear, or why the tests are inconclusive; otherwise "".
    """

    curve: Curve
    tests: PValues
    kind: Kind
    appears: Bracket | None = None
    goes: Bracket | None = None
    reason: str = ""

    @property
    def shown(self) -> bool:
        """Return whether the effect is significantly above zero at any checkpoint."""
        return any(mean > 0 and p < ALPHA for mean, p in zip(self.curve.means, self.tests.zero, strict=True))


def appearances(curves: Sequence[Curve]) -> tuple[tuple[Appearance, ...], int]:
    """Return the verdict on every curve, and the number of tests over all of them."""
    tests, n_tests = p_values(curves)
    return tuple(_appearance(curve, each) for curve, each in zip(curves, tests, strict=True)), n_tests


def _appearance(curve: Curve, tests: PValues) -> Appearance:
    short = all(effect.ability == "cannot" for effect in curve.effects)
    nothing = Appearance(
        curve, tests, "does not appear" if short else "cannot tell", reason="at no checkpoint significantly above zero"
    )
    if not nothing.shown:
        return nothing
    if short:
        return Appearance(
            curve, tests, "does not appear", reason="significantly short of its bounds at every checkpoint"
        )
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
    """Return whether the largest effect differs significantly from that of the first, or of the last, checkpoint."""
    return p_values[top] < ALPHA
