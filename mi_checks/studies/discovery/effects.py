"""What each of many nodes does alone, by both kinds of patching: what denoising recovers and what noising removes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.engine.interventions import noise
from mi_checks.engine.nodes import Node
from mi_checks.studies.discovery.mediation import Mediation, mediation
from mi_checks.studies.discovery.screening import Screening

TESTS = 4  # of each node: recovers more than the threshold, or less than minus it; removes likewise


@dataclass(frozen=True)
class Effects:
    """What nodes of one kind do when each is patched alone.

    A node that is *sufficient* recovers the score in the corrupted run; one that is *needed* removes it from the clean
    run. Each node of a conjunction is needed without being sufficient; each of redundant copies is sufficient without
    being needed.

    Attributes:
        recovers: what denoising each node recovers.
        removes: what noising each node removes.
        screening: how the nodes were chosen from more; None where every node was patched.
    """

    recovers: Mediation
    removes: Mediation
    screening: Screening | None = None

    @property
    def sufficient(self) -> tuple[Node, ...]:
        """The nodes that mediate: each alone recovers more than the threshold; strongest first."""
        return self.recovers.found

    @property
    def needed(self) -> tuple[Node, ...]:
        """The nodes that each alone remove more than the threshold, strongest first."""
        return self.removes.found

    @property
    def suppressing(self) -> tuple[Node, ...]:
        """The nodes that work against the behaviour, by either patching, strongest first."""
        both = dict.fromkeys((*self.recovers.against, *self.removes.against))
        return tuple(sorted(both, key=lambda node: (-self.strength(node), node)))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All of these, in the order of the model."""
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
    """Denoise and noise nodes, each alone, and test both effects on either side.

    Args:
        measured: the behaviour on the model.
        nodes: what is patched; at least one.
        above: the threshold, a fraction of clean − corrupt.
        title: what the nodes are called while they are patched.
        among: from how many nodes these were chosen, for the correction; None where they are all.
        screening: how they were chosen.
    """
    tested = TESTS * (len(nodes) if among is None else among)
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
    return Sweep(tuple(nodes), at, removed, measured.base.gap)
