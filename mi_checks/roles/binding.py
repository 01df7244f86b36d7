"""A role and the scores of a model's nodes → the nodes that it is bound to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mi_checks.engine.base_run import Floats


@dataclass(frozen=True, eq=False)
class Binding:
    """The nodes of a model that are what a role says.

    Attributes:
        role: its name.
        component: `head` or `neuron`.
        score: the name of the score.
        scores: of every node, `layer index`.
        at_least: what a bound node scores.
        most: how many are bound; None for all that score enough.
    """

    role: str
    component: str
    score: str
    scores: Floats
    at_least: float
    most: int | None = None

    @cached_property
    def nodes(self) -> dict[str, float]:
        """The bound nodes with their scores, highest first."""
        enough = {name: score for name, score in self.ranked.items() if score >= self.at_least}
        return dict(list(enough.items())[: self.most])

    @cached_property
    def ranked(self) -> dict[str, float]:
        """All nodes with their scores, highest first; of equal ones the earlier layer, and the lower number, first."""
        letter = self.component[0].upper()
        width = self.scores.shape[1]
        order = np.argsort(-self.scores.ravel(), kind="stable").tolist()
        return {f"L{place // width}{letter}{place % width}": float(self.scores.flat[place]) for place in order}

    def score_of(self, node: str) -> float | None:
        """A node's score; None for a node that the model does not have."""
        return self.ranked.get(node)
