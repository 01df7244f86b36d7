"""Which of many nodes surely recover more than a threshold when denoised alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.base import Floats
from mi_checks.engine.nodes import Node
from mi_checks.record import Estimate
from mi_checks.stats import ALPHA, holm, ratio_interval, ratio_p_values

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Mediation:
    """A sweep and what is concluded from it.

    Attributes:
        sweep: the nodes that were denoised, each alone.
        above: the threshold.
        tested: of how many nodes the sweep's are the ones that a screen let through; the family that is corrected for.
        found: nodes that surely recover more, strongest first: one-sided tests at 2.5 %, corrected by Holm.
        unsure: nodes of which neither that nor the reverse is sure.
    """

    sweep: Sweep
    above: float
    tested: int
    found: tuple[Node, ...]
    unsure: tuple[Node, ...]

    def share(self, node: Node) -> Estimate:
        """What a node recovers."""
        return ratio_interval(self.sweep.recovered[self.sweep.nodes.index(node)], self.sweep.gap)


def mediation(sweep: Sweep, above: float, tested: int | None = None) -> Mediation:
    """Test every node of a sweep against a threshold.

    Args:
        sweep: what was measured.
        above: the threshold, a share of clean − corrupt.
        tested: the size of the family, where a screen has chosen the sweep's nodes from more.
    """
    tested = len(sweep.nodes) if tested is None else tested
    more, less = significant(sweep.recovered, sweep.gap, above, tested)
    order = np.argsort(-sweep.shares, kind="stable")
    found = tuple(sweep.nodes[i] for i in order if more[i])
    unsure = tuple(sweep.nodes[i] for i in order if not more[i] and not less[i])
    return Mediation(sweep, above, tested, found, unsure)


def significant(recovered: Floats, gap: Floats, above: float, tested: int) -> tuple[Bools, Bools]:
    """Whether each share is surely above, and whether it is surely below a threshold, `node` each.

    Args:
        recovered: `node prompt`.
        gap: `prompt`.
        above: the threshold.
        tested: the size of the family; those that are not among the nodes count as never significant.
    """
    unseen = np.ones(tested - len(recovered))
    sides = ratio_p_values(recovered, gap, above)
    more, less = (holm(np.concatenate([p, unseen]))[: len(recovered)] < ALPHA / 2 for p in sides)
    return more, less
