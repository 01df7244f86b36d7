"""Tests of which nodes, each patched alone, change the score by significantly more than a threshold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.nodes import Node
from mi_checks.engine.readout import Floats
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import ratio_interval
from mi_checks.stats.p_values import holm, ratio_p_values

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Mediation:
    """A sweep and the conclusions from it.

    Attributes:
        sweep: the nodes, each patched alone, with their effects in the expected direction: what denoising recovers, or
            what noising removes.
        above: the threshold, a fraction of clean − corrupt.
        tested: the number of tests that are corrected for; more than the sweep's nodes if a screen selected these from
            more, or if other effects are tested too.
        found: nodes whose fraction is significantly above the threshold, largest first: one-sided tests at 2.5 %,
            Holm-corrected.
        against: nodes whose fraction is significantly below minus the threshold by the same test: they work against the
            behaviour.
        unsure: nodes whose fraction is neither significantly above nor significantly below the threshold.
    """

    sweep: Sweep
    above: float
    tested: int
    found: tuple[Node, ...]
    against: tuple[Node, ...]
    unsure: tuple[Node, ...]

    def share(self, node: Node) -> Estimate:
        """Return the fraction recovered, or removed, by a node, with its interval."""
        return ratio_interval(self.sweep.recovered[self.sweep.nodes.index(node)], self.sweep.effect_size)


def mediation(sweep: Sweep, above: float, tested: int | None = None) -> Mediation:
    """Test every node of a sweep against a threshold, and against its negative.

    Args:
        sweep: the measurements.
        above: the threshold, a fraction of clean − corrupt.
        tested: the number of tests to correct for; None for one per node.
    """
    tested = len(sweep.nodes) if tested is None else tested
    more, less = significant(sweep.recovered, sweep.effect_size, above, tested)
    _, against = significant(sweep.recovered, sweep.effect_size, -above, tested)
    order = np.argsort(-sweep.shares, kind="stable")
    return Mediation(
        sweep,
        above,
        tested,
        found=tuple(sweep.nodes[i] for i in order if more[i]),
        against=tuple(sweep.nodes[i] for i in order[::-1] if against[i]),
        unsure=tuple(sweep.nodes[i] for i in order if not more[i] and not less[i]),
    )


def significant(recovered: Floats, effect_size: Floats, above: float, tested: int) -> tuple[Bools, Bools]:
    """Test whether each fraction is above, and whether it is below a threshold, `node` each.

    Args:
        recovered: `node prompt`.
        effect_size: `prompt`.
        above: the threshold.
        tested: the number of tests to correct for; tests of other nodes count as never significant.
    """
    unseen = np.ones(max(0, tested - len(recovered)))
    sides = ratio_p_values(recovered, effect_size, above)
    more, less = (holm(np.concatenate([p, unseen]))[: len(recovered)] < ALPHA / 2 for p in sides)
    return more, less
