"""A role over a series of checkpoints: which nodes score highest, and from when on it is bound.

Scores are facts about weights and fixed probe prompts, without an interval; what is unsure is only what happened
between two checkpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mi_checks.studies.emergence.bracket import Bracket


@dataclass(frozen=True)
class Bound:
    """A role at one checkpoint.

    Attributes:
        scores: of every node, highest first.
        nodes: those that it is bound to, highest first.
    """

    scores: Mapping[str, float]
    nodes: tuple[str, ...]

    @property
    def node(self) -> str:
        """The one that scores highest."""
        return next(iter(self.scores))

    @property
    def score(self) -> float:
        """Its score."""
        return self.scores[self.node]


@dataclass(frozen=True)
class RoleCurve:
    """A role by its definition, and what it is at each checkpoint.

    Attributes:
        role: its name.
        score: the name of the score.
        component: `head` or `neuron`.
        at_least: what a bound node scores.
        most: how many are bound; None for all that score enough.
        behaviours: whose role it is.
        at: each checkpoint.
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
        """Between which checkpoints it is bound for the first time."""
        first = next((k for k, bound in enumerate(self.at) if bound.nodes), None)
        return None if first is None else Bracket(first - 1 if first else None, first)

    @property
    def goes(self) -> Bracket | None:
        """Between which it is bound for the last time, if it no longer is at the end."""
        last = max((k for k, bound in enumerate(self.at) if bound.nodes), default=None)
        return None if last in (None, len(self.at) - 1) else Bracket(last, last + 1)

    @property
    def carriers(self) -> tuple[str, ...]:
        """What it is bound to at the end, or the node that scores highest there."""
        return self.at[-1].nodes or (self.at[-1].node,)

    def by_carrier(self, place: int) -> bool:
        """Whether the node that scores highest at a checkpoint is one of those that carry the role at the end."""
        return self.at[place].node in self.carriers

    @property
    def tracks(self) -> dict[str, tuple[float, ...]]:
        """Scores over the series of every node that is ever highest or bound, first those that carry it at the end."""
        nodes = dict.fromkeys((*self.carriers, *(n for bound in self.at for n in (bound.node, *bound.nodes))))
        return {node: tuple(bound.scores[node] for bound in self.at) for node in nodes}
