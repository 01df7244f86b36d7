"""A role over a series of checkpoints: the nodes with the highest scores, and the checkpoint from which it is bound.

Scores are computed from weights and fixed probe prompts, and have no interval; only the time between two checkpoints is
uncertain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mi_checks.studies.emergence.bracket import Bracket


@dataclass(frozen=True)
class Bound:
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
    at: tuple[Bound, ...]

    @property
    def forms(self) -> Bracket | None:
        """Return the checkpoints between which it is bound for the first time, or None if it never is."""
        first = next((k for k, bound in enumerate(self.at) if bound.nodes), None)
        return None if first is None else Bracket(first - 1 if first else None, first)

    @property
    def goes(self) -> Bracket | None:
        """Return the checkpoints between which it is bound for the last time, or None if it still is at the end."""
        last = max((k for k, bound in enumerate(self.at) if bound.nodes), default=None)
        return None if last in (None, len(self.at) - 1) else Bracket(last, last + 1)

    @property
    def carriers(self) -> tuple[str, ...]:
        """Return the nodes that it is bound to at the end, or the node that scores highest there."""
        return self.at[-1].nodes or (self.at[-1].node,)

    def by_carrier(self, place: int) -> bool:
        """Return whether the node that scores highest at a checkpoint is among the role's nodes at the end."""
        return self.at[place].node in self.carriers

    @property
    def tracks(self) -> dict[str, tuple[float, ...]]:
        """Return the scores of every node that is ever highest or bound, those of the role's nodes at the end first."""
        nodes = dict.fromkeys((*self.carriers, *(n for bound in self.at for n in (bound.node, *bound.nodes))))
        return {node: tuple(bound.scores[node] for bound in self.at) for node in nodes}
