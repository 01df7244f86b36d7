"""The effects of many nodes, each patched alone: what denoising recovers and what noising removes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.engine.interventions import noise
from mi_checks.engine.nodes import Node
from mi_checks.studies.discovery.mediation import Mediation, mediation
from mi_checks.studies.discovery.screening import Screening

# of each node: it recovers more than the threshold, or less than minus it; the same for what it removes
TESTS_PER_NODE = 4


@dataclass(frozen=True)
class Effects:
    """The effects of nodes of one kind, each patched alone.

    A *sufficient* node recovers the score in the corrupted run; a *needed* node removes it from the clean run. Each
    node of a conjunction is needed without being sufficient; each of several redundant copies is sufficient without
    being needed.

    Attributes:
        recovers: what denoising each node recovers.
        removes: what noising each node removes.
        screening: how the nodes were selected from more; None if every node was patched.
    """

    recovers: Mediation
    removes: Mediation
    screening: Screening | None = None

    @property
    def sufficient(self) -> tuple[Node, ...]:
        """Return the mediators, each of which alone recovers more than the threshold, strongest first."""
        return self.recovers.found

    @property
    def needed(self) -> tuple[Node, ...]:
        """Return the nodes that each alone remove more than the threshold, strongest first."""
        return self.removes.found

    @property
    def suppressing(self) -> tuple[Node, ...]:
        """Return the nodes that work against the behaviour in either direction of patching, strongest first."""
        both = dict.fromkeys((*self.recovers.against, *self.removes.against))
        return tuple(sorted(both, key=lambda node: (-self.strength(node), node)))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return all sufficient, needed and suppressing nodes, in the order of the model."""
        return tuple(sorted({*self.sufficient, *self.needed, *self.suppressing}))

    def strength(self, node: Node) -> float:
        """Return the larger of both effects in absolute value, a fraction of clean − corrupt."""
        place = self.recovers.sweep.nodes.index(node)
        return max(abs(float(each.sweep.shares[place])) for each in (self.recovers, self.removes))


def effects(
    measured: Measurements,
    nodes: Sequence[Node],
    above: float,
    title: str,
    *,
    among: int | None = None,
    screening: Screening | None = None,
) -> Effects:
    """Denoise and noise nodes, each alone, and test both effects against the threshold and its negative.

    Args:
        measured: the behaviour on the model.
        nodes: the nodes to patch; at least one.
        above: the threshold, a fraction of clean − corrupt.
        title: the name of the nodes in the progress display.
        among: the number of nodes that these were selected from, for the correction; None if they are all.
        screening: how they were selected.
    """
    tested = TESTS_PER_NODE * (len(nodes) if among is None else among)
    at = measured.everywhere
    recovered = measured.alone(nodes, at, f"{title}, denoised")
    return Effects(
        mediation(recovered, above, tested),
        mediation(noised(measured, nodes, title), above, tested),
        screening,
    )


def noised(measured: Measurements, nodes: Sequence[Node], title: str) -> Sweep:
    """Noise nodes, each alone; the sweep's `recovered` is what that removes, clean − patched, `node prompt`."""
    at, clean = measured.everywhere, measured.base.clean.logit_diff
    patched = measured.logit_diffs([noise(node, at=at) for node in nodes], f"{title}, noised")
    removed: np.typing.NDArray[np.float64] = clean - patched
    return Sweep(tuple(nodes), at, removed, measured.base.effect_size)
