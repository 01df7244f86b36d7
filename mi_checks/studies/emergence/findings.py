"""The results over one or several series of checkpoints, and the order of behaviours and roles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mi_checks.studies.emergence.appearance import KINDS, Appearance
from mi_checks.studies.emergence.bracket import Bracket
from mi_checks.studies.emergence.checkpoint_series import Series
from mi_checks.studies.emergence.role_curve import RoleCurve


@dataclass(frozen=True)
class Unmeasured:
    """A behaviour, or a role, without a curve; `skipped` if that is not due to a mistake."""

    what: str
    checkpoint: str
    reason: str
    skipped: bool = False


@dataclass(frozen=True)
class Relation:
    """The time at which a role forms, relative to a behaviour that has the role."""

    behaviour: Appearance
    role: RoleCurve
    order: Order


@dataclass(frozen=True)
class Trained:
    """One series with its results.

    Attributes:
        series: the checkpoints.
        appearances: the verdict on every behaviour that was measured at each of them.
        roles: every role of these behaviours, by its definition.
        unmeasured: behaviours and roles that could not be measured.
        left_out: behaviours that claim nothing about this model and were not selected.
    """

    series: Series
    appearances: tuple[Appearance, ...]
    roles: tuple[RoleCurve, ...]
    unmeasured: tuple[Unmeasured, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def in_order(self) -> tuple[Appearance, ...]:
        """Return the behaviours that appear, in order, then those from the start, the absent and the inconclusive."""
        return tuple(sorted(self.appearances, key=_rank))

    @property
    def relations(self) -> tuple[Relation, ...]:
        """Return every role that forms, with every behaviour that has it and appears or exists from the start."""
        by_name: Mapping[str, Appearance] = {each.curve.behaviour: each for each in self.appearances}
        return tuple(
            Relation(by_name[behaviour], role, order(role.forms, appears))
            for role in self.roles
            for behaviour in role.behaviours
            if role.forms and behaviour in by_name and (appears := by_name[behaviour].appears)
        )


@dataclass(frozen=True)
class Emergence:
    """All series, with their tests corrected together."""

    trained: tuple[Trained, ...]
    tests: int

    @property
    def failed(self) -> tuple[Unmeasured, ...]:
        """Return what was not measured because of a mistake."""
        return tuple(each for one in self.trained for each in one.unmeasured if not each.skipped)


def _rank(appearance: Appearance) -> tuple[int, int, int]:
    appears = appearance.appears
    after = -1 if appears is None or appears.after is None else appears.after
    return KINDS.index(appearance.kind), 0 if appears is None else appears.by, after


Order = Literal["before", "before or with", "with", "with or after", "after", "cannot tell"]


def order(one: Bracket, other: Bracket) -> Order:
    """Return when one event happened, relative to another.

    The result is `before` or `after` if a checkpoint lies between them, `with` if both are within the same two
    checkpoints, and `before or with` if they overlap and neither end of the first is later than the other's.
    """
    (start, end), (other_start, other_end) = _ends(one), _ends(other)
    if end <= other_start:
        return "before"
    if start >= other_end:
        return "after"
    if (start, end) == (other_start, other_end):
        return "with"
    if start <= other_start and end <= other_end:
        return "before or with"
    if start >= other_start and end >= other_end:
        return "with or after"
    return "cannot tell"


def _ends(bracket: Bracket) -> tuple[int, int]:
    return -1 if bracket.after is None else bracket.after, bracket.by
