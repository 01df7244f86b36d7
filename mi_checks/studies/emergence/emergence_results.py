"""The results over series of checkpoints: behaviours, roles, and the order in which they form.

Role scores are computed from weights and fixed probe prompts, and have no interval; only the time between two
checkpoints is uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mi_checks.studies.emergence.appearance import APPEARANCE_KINDS, Appearance, Bracket
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries

EventOrder = Literal["before", "before or with", "with", "with or after", "after", "inconclusive"]


@dataclass(frozen=True)
class RoleAtCheckpoint:
    """A role at one checkpoint.

    Attributes:
        scores: the score of every node, highest first.
        nodes: the nodes that it is bound to, highest first.
    """

    scores: Mapping[str, float]
    nodes: tuple[str, ...]

    @property
    def node(self) -> str:
        """Return the node with the highest score."""
        return next(iter(self.scores))

    @property
    def score(self) -> float:
        """Return the highest score."""
        return self.scores[self.node]


@dataclass(frozen=True)
class RoleCurve:
    """A role by its definition, and its scores at each checkpoint.

    Attributes:
        role: its name.
        score: the name of the score.
        component: `head` or `neuron`.
        at_least: the minimum score of a bound node.
        most: the maximum number of bound nodes; None for all that score enough.
        behaviours: the behaviours that have the role.
        at: the role at each checkpoint.
    """

    role: str
    score: str
    component: str
    at_least: float
    most: int | None
    behaviours: tuple[str, ...]
    at: tuple[RoleAtCheckpoint, ...]

    @property
    def forms(self) -> Bracket | None:
        """Return the checkpoints between which it is bound for the first time, or None if it never is."""
        first = next((k for k, bound in enumerate(self.at) if bound.nodes), None)
        return None if first is None else Bracket(first - 1 if first else None, first)

    @property
    def disappears(self) -> Bracket | None:
        """Return the checkpoints between which it is bound for the last time, or None if it still is at the end."""
        last = max((k for k, bound in enumerate(self.at) if bound.nodes), default=None)
        return None if last in (None, len(self.at) - 1) else Bracket(last, last + 1)

    @property
    def final_nodes(self) -> tuple[str, ...]:
        """Return the nodes that it is bound to at the end, or the node that scores highest there."""
        return self.at[-1].nodes or (self.at[-1].node,)

    def is_led_by_final_node(self, place: int) -> bool:
        """Return whether the node that scores highest at a checkpoint is among the role's nodes at the end."""
        return self.at[place].node in self.final_nodes

    @property
    def tracks(self) -> dict[str, tuple[float, ...]]:
        """Return the scores of every node that is ever highest or bound, those of the role's nodes at the end first."""
        nodes = dict.fromkeys((*self.final_nodes, *(n for bound in self.at for n in (bound.node, *bound.nodes))))
        return {node: tuple(bound.scores[node] for bound in self.at) for node in nodes}


@dataclass(frozen=True)
class UnmeasuredCurve:
    """A behaviour, or a role, without a curve; `skipped` if that is not due to a mistake."""

    what: str
    checkpoint: str
    reason: str
    skipped: bool = False


@dataclass(frozen=True)
class RoleTiming:
    """The time at which a role forms, relative to a behaviour that has the role."""

    behaviour: Appearance
    role: RoleCurve
    order: EventOrder


@dataclass(frozen=True)
class SeriesResult:
    """One series with its results.

    Attributes:
        series: the checkpoints.
        appearances: the verdict on every behaviour that was measured at each of them.
        roles: every role of these behaviours, by its definition.
        unmeasured: behaviours and roles that could not be measured.
        left_out: behaviours that claim nothing about this model and were not selected.
    """

    series: CheckpointSeries
    appearances: tuple[Appearance, ...]
    roles: tuple[RoleCurve, ...]
    unmeasured: tuple[UnmeasuredCurve, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def in_order(self) -> tuple[Appearance, ...]:
        """Return the behaviours that appear, in order, then those from the start, the absent and the inconclusive."""
        return tuple(sorted(self.appearances, key=_rank))

    @property
    def relations(self) -> tuple[RoleTiming, ...]:
        """Return every role that forms, with every behaviour that has it and appears or exists from the start."""
        by_name: Mapping[str, Appearance] = {each.curve.behaviour: each for each in self.appearances}
        return tuple(
            RoleTiming(by_name[behaviour], role, event_order(role.forms, appears))
            for role in self.roles
            for behaviour in role.behaviours
            if role.forms and behaviour in by_name and (appears := by_name[behaviour].appears)
        )


@dataclass(frozen=True)
class Emergence:
    """All series, with their tests corrected together."""

    series_results: tuple[SeriesResult, ...]
    tests: int

    @property
    def failed(self) -> tuple[UnmeasuredCurve, ...]:
        """Return what was not measured because of a mistake."""
        return tuple(each for one in self.series_results for each in one.unmeasured if not each.skipped)


def _rank(appearance: Appearance) -> tuple[int, int, int]:
    appears = appearance.appears
    after = -1 if appears is None or appears.after is None else appears.after
    return APPEARANCE_KINDS.index(appearance.kind), 0 if appears is None else appears.by, after


def event_order(one: Bracket, other: Bracket) -> EventOrder:
    """Return when one event happened, relative to another.

    The result is `before` or `after` if a checkpoint lies between them, `with` if both are within the same two
    checkpoints, and `before or with` if they overlap and neither end of the first is later than the other's.
    """
    (start, end), (other_start, other_end) = _bracket_ends(one), _bracket_ends(other)
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
    return "inconclusive"


def _bracket_ends(bracket: Bracket) -> tuple[int, int]:
    return -1 if bracket.after is None else bracket.after, bracket.by
