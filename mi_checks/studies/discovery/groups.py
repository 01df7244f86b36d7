"""Nodes that do together much more than the sum of what each does alone: redundant copies, and conjunctions.

To remove one of several redundant copies takes little away, to remove all of them does. To restore one of several nodes
of a conjunction brings little back, to restore all of them does. Where both is so, nodes reinforce each other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.base_run import Floats
from mi_checks.engine.interventions import Ablated, Intervention, ablate, denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import ratio_interval
from mi_checks.studies.discovery.mediation import significant

NEAR = 0.5  # of the margin: what a set must exceed it by on a few prompts to be measured on more
MARGIN = 0.5  # of the threshold: by how much together must significantly exceed the sum of each alone
MUCH = 1.25  # times what a node does alone: what it must do once the other is out
PART = 0.4  # of what a set does: what must be left without a node for it to be no part of the set

Set = tuple[Node, ...]
By = Literal["denoising", "noising", "mean", "zero", "resample"]  # the last three: how nodes are ablated


@dataclass(frozen=True)
class Joint:
    """Nodes of which all together do much more than the sum of each alone.

    Attributes:
        nodes: the nodes, in the order of the model.
        by: how they are patched or ablated.
        alone: what each alone recovers, or removes.
        together: what all of them do.
    """

    nodes: Set
    by: By
    alone: tuple[Estimate, ...]
    together: Estimate


@dataclass(frozen=True)
class Groups:
    """What was found of nodes together.

    Attributes:
        pairs: how many pairs were looked at.
        tested: how many tests were corrected for.
        redundant: copies: to remove all of them takes much more away than each alone; largest first.
        conjunctions: nodes that need each other: to restore all of them brings much more back than each alone.
        reinforcing: nodes of which both is so, by what restoring them brings back: neither copies nor a conjunction.
    """

    pairs: int
    tested: int
    redundant: tuple[Joint, ...]
    conjunctions: tuple[Joint, ...]
    reinforcing: tuple[Joint, ...]


class Patching:
    """One way of patching sets of nodes, in the clean or in the corrupted run.

    Attributes:
        by: its name.
        measured: the behaviour on the model.
    """

    def __init__(self, measured: Measurements, by: By) -> None:
        self.measured = measured
        self.by: By = by

    def moved(self, sets: Sequence[Set]) -> Floats:
        """Return by how much patching each set moves the score the way it should, `set prompt`."""
        base = self.measured.base
        how = {"denoising": "denoised", "noising": "noised"}.get(self.by, f"{self.by}-ablated")
        patched = self.measured.logit_diffs([self._intervention(nodes) for nodes in sets], f"sets of nodes, {how}")
        if self.by == "denoising":
            recovered: Floats = patched - base.corrupt.logit_diff
            return recovered
        removed: Floats = base.clean.logit_diff - patched
        return removed

    def alone(self, nodes: Collection[Node]) -> dict[Node, Floats]:
        """Return by how much patching each node alone does, `prompt`."""
        return dict(zip(nodes, self.moved([(node,) for node in nodes]), strict=True)) if nodes else {}

    def _intervention(self, nodes: Set) -> Intervention:
        at = self.measured.everywhere
        if self.by == "denoising":
            return denoise(*nodes, at=at)
        return noise(*nodes, at=at) if self.by == "noising" else ablate(*nodes, kind=self.by)


def groups(
    measured: Measurements,
    few: Measurements,
    pairs: Sequence[Set],
    kind: Ablated,
    above: float,
    *,
    sufficient: Sequence[Node],
    needed: Sequence[Node],
) -> Groups:
    """Look for redundant copies and conjunctions among pairs, then among all nodes that no pair explains.

    A set is one when it does significantly more, by half of the threshold, than its nodes do alone, added up: one-sided
    tests at 2.5 %, corrected by Holm over all pairs, ways of patching, and larger sets. Pairs that are far from it on a
    few prompts are not measured on more.

    Args:
        measured: the behaviour on the model.
        few: the same on fewer prompts.
        pairs: what is looked at.
        kind: what is put in the place of an ablated node.
        above: the threshold, a fraction of clean − corrupt.
        sufficient: nodes that are known to recover more than the threshold alone.
        needed: nodes that are known to remove more than the threshold alone.
    """
    ways: tuple[By, ...] = (kind, "noising", "denoising")
    tested = len(ways) * (len(pairs) + 1)
    by_way = {by: _pairs(measured, few, by, pairs, above, tested) for by in ways}
    removing = _unique([*by_way[kind], *by_way["noising"]])
    both = {joint.nodes for joint in removing} & {joint.nodes for joint in by_way["denoising"]}
    redundant = [joint for joint in removing if joint.nodes not in both]
    conjunctions = [joint for joint in by_way["denoising"] if joint.nodes not in both]
    reinforcing = [joint for joint in by_way["denoising"] if joint.nodes in both]
    explained = {node for joint in (*redundant, *conjunctions, *reinforcing) for node in joint.nodes}
    idle = _idle(Patching(measured, kind), sufficient, above)
    copies = [node for node in sufficient if node not in explained and (node not in needed or node in idle)]
    partial = [node for node in needed if node not in explained and node not in sufficient]
    redundant += _larger(measured, (kind, "noising"), copies, above, tested)
    conjunctions += _larger(measured, ("denoising",), partial, above, tested)
    return Groups(len(pairs), tested, _sorted(redundant), _sorted(conjunctions), _sorted(reinforcing))


def _pairs(
    measured: Measurements, few: Measurements, by: By, pairs: Sequence[Set], above: float, tested: int
) -> list[Joint]:
    """Return the pairs that do much more together."""
    if not pairs:
        return []
    gap = float(few.base.gap.mean())
    near = [
        pair
        for pair, rows in zip(pairs, _excess(Patching(few, by), pairs), strict=True)
        if rows.mean() / gap > NEAR * MARGIN * above
    ]
    return _significant(Patching(measured, by), near, above, tested, much=True)


def _excess(patching: Patching, sets: Sequence[Set]) -> Floats:
    """Return by how much sets do more than their nodes alone, `set prompt`; a node that does harm adds nothing."""
    alone = patching.alone(list(dict.fromkeys(node for nodes in sets for node in nodes)))
    useful = {node: row if row.mean() > 0 else np.zeros_like(row) for node, row in alone.items()}
    excess: Floats = patching.moved(sets) - np.stack([sum(useful[node] for node in nodes) for nodes in sets])
    return excess


def _significant(patching: Patching, sets: Sequence[Set], above: float, tested: int, *, much: bool) -> list[Joint]:
    """Return the sets whose excess is significant; `much`: also large beside what each node does alone."""
    if not sets:
        return []
    gap = patching.measured.base.gap
    more, _ = significant(_excess(patching, sets), gap, MARGIN * above, tested)
    together = patching.moved(sets)
    alone = patching.alone(list(dict.fromkeys(node for nodes in sets for node in nodes)))
    found = []
    for nodes, row, surely in zip(sets, together, more, strict=True):
        own = [float(alone[node].mean()) for node in nodes]
        rest = float(row.mean()) - sum(max(0.0, value) for value in own)
        if surely and not (much and any(rest + max(0.0, value) < MUCH * value for value in own)):
            estimates = tuple(ratio_interval(alone[node], gap) for node in nodes)
            found.append(Joint(nodes, patching.by, estimates, ratio_interval(row, gap)))
    return found


def _larger(
    measured: Measurements, ways: Sequence[By], nodes: Sequence[Node], above: float, tested: int
) -> list[Joint]:
    """Return sets of three nodes or more, each as small as it can be: without the nodes that add little."""
    found: list[Joint] = []
    for by in ways:
        patching = Patching(measured, by)
        taken = {node for joint in found for node in joint.nodes}
        left = [node for node in nodes if node not in taken]
        while len(left) > 2:
            smallest = _shrunk(patching, left)
            joints = _significant(patching, [smallest], above, tested, much=False) if len(smallest) > 2 else []
            if not joints:
                break
            found += joints
            left = [node for node in left if node not in smallest]
    return found


def _shrunk(patching: Patching, nodes: Sequence[Node]) -> Set:
    """Drop the nodes without which a good part is left of what all of them do."""
    kept = tuple(sorted(nodes))
    whole = float(patching.moved([kept]).mean())
    for node in sorted(nodes):
        rest = tuple(other for other in kept if other != node)
        if len(rest) > 1 and float(patching.moved([rest]).mean()) >= PART * whole:
            kept = rest
    return kept


def _idle(patching: Patching, nodes: Sequence[Node], above: float) -> set[Node]:
    """Return the nodes that remove less than the threshold when each alone is ablated."""
    gap = float(patching.measured.base.gap.mean())
    return {node for node, row in patching.alone(nodes).items() if row.mean() < above * gap}


def _unique(joints: Sequence[Joint]) -> list[Joint]:
    """Return the first of each set of nodes."""
    first: dict[Set, Joint] = {}
    for joint in joints:
        first.setdefault(joint.nodes, joint)
    return list(first.values())


def _sorted(joints: Sequence[Joint]) -> tuple[Joint, ...]:
    return tuple(sorted(joints, key=lambda joint: -joint.together.value))
