"""The nodes of a model that are bound to a role by their scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mi_checks.engine.readout import Floats


@dataclass(frozen=True, eq=False)
class Binding:
    """The nodes of a model that are bound to a role.

    Attributes:
        role: the role's name.
        component: `head` or `neuron`.
        score: the name of the score.
        scores: the score of every node, `layer index`.
        at_least: the lowest score of a bound node.
        most: the maximum number of bound nodes; None for all with a high enough score.
    """

    role: str
    component: str
    score: str
    scores: Floats
    at_least: float
    most: int | None = None

    @cached_property
    def nodes(self) -> dict[str, float]:
        """Return the bound nodes with their scores, highest first."""
        candidates = {name: score for name, score in self.ranked.items() if score >= self.at_least}
        return dict(list(candidates.items())[: self.most])

    @cached_property
    def ranked(self) -> dict[str, float]:
        """Return all nodes with their scores, highest first.

        Nodes with equal scores are sorted by layer and then by number.
        """
        letter = self.component[0].upper()
        width = self.scores.shape[1]
        order = np.argsort(-self.scores.ravel(), kind="stable").tolist()
        return {f"L{place // width}{letter}{place % width}": float(self.scores.flat[place]) for place in order}

    def score_of(self, node: str) -> float | None:
        """Return a node's score, or None if the model does not have the node."""
        return self.ranked.get(node)
