"""Sets of nodes whose joint effect is much larger than the sum of their single effects: redundancy and conjunction.

Removing one of several redundant copies has little effect, removing all of them a large one. Restoring one of several
nodes of a conjunction has little effect, restoring all of them a large one. Nodes for which both hold reinforce each
other.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import AblationKind, Intervention, ablate, denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import ratio_interval
from mi_checks.studies.discovery.node_effects import beyond_threshold

# fraction of the margin that a set's excess must reach on a few prompts to be measured on more
MIN_PRELIMINARY_EXCESS = 0.5
# fraction of the threshold by which the joint effect must significantly exceed the sum of the single ones
MIN_EXCESS = 0.5
MIN_GROWTH = 1.25  # factor by which a node's effect must grow once the other node is out
# fraction of a set's effect that must remain without a node for that node to be dropped from the set
MIN_REMAINING_EFFECT = 0.4

NodeSet = tuple[Node, ...]
PatchingMethod = Literal["denoising", "noising", "mean", "zero", "resample"]  # the last three are kinds of ablation


@dataclass(frozen=True)
class JointEffect:
    """A set of nodes whose joint effect is much larger than the sum of their single effects.

    Attributes:
        nodes: the nodes, in the order of the model.
        method: how they are patched or ablated.
        alone: what each node alone recovers, or removes.
        together: what all of them together recover, or remove.
    """

    nodes: NodeSet
    method: PatchingMethod
    alone: tuple[Estimate, ...]
    together: Estimate


@dataclass(frozen=True)
class JointEffects:
    """The sets of nodes with a large joint effect.

    Attributes:
        n_pairs: the number of pairs that were measured.
        n_tests: the number of tests that were corrected for.
        redundant: redundant copies, by the effect of removing all of them, largest first.
        conjunctions: nodes that need each other, by the effect of restoring all of them, largest first.
        reinforcing: nodes that are both, by the effect of restoring all of them, largest first.
    """

    n_pairs: int
    n_tests: int
    redundant: tuple[JointEffect, ...]
    conjunctions: tuple[JointEffect, ...]
    reinforcing: tuple[JointEffect, ...]


class SetPatching:
    """One way of patching or ablating sets of nodes.

    Attributes:
        method: its name.
        measured: the behaviour on the model.
    """

    def __init__(self, measured: Measurements, method: PatchingMethod) -> None:
        self.measured = measured
        self.method: PatchingMethod = method

    def moved(self, sets: Sequence[NodeSet]) -> Floats:
        """Return by how much patching each set changes the score in the expected direction, `set prompt`."""
        unpatched = self.measured.unpatched
        how = {"denoising": "denoised", "noising": "noised"}.get(self.method, f"{self.method}-ablated")
        patched = self.measured.logit_diffs([self._intervention(nodes) for nodes in sets], f"sets of nodes, {how}")
        if self.method == "denoising":
            recovered: Floats = patched - unpatched.corrupt.logit_diff
            return recovered
        removed: Floats = unpatched.clean.logit_diff - patched
        return removed

    def alone(self, nodes: Collection[Node]) -> dict[Node, Floats]:
        """Return the effect of patching each node alone, `prompt`."""
        return dict(zip(nodes, self.moved([(node,) for node in nodes]), strict=True)) if nodes else {}

    def _intervention(self, nodes: NodeSet) -> Intervention:
        at = self.measured.default_position
        if self.method == "denoising":
            return denoise(*nodes, at=at)
        return noise(*nodes, at=at) if self.method == "noising" else ablate(*nodes, kind=self.method)


def find_joint_effects(
    measured: Measurements,
    few: Measurements,
    pairs: Sequence[NodeSet],
    kind: AblationKind,
    above: float,
    *,
    sufficient: Sequence[Node],
    needed: Sequence[Node],
) -> JointEffects:
    """Search for redundant copies and conjunctions among pairs, then among all nodes that no pair explains.

    A set qualifies if its effect significantly exceeds the sum of its nodes' single effects, by half of the threshold:
    one-sided tests at 2.5 %, Holm-corrected over all pairs, ways of patching, and larger sets. Pairs that are far from
    qualifying on a few prompts are not measured on more.

    Args:
        measured: the behaviour on the model.
        few: the same on fewer prompts.
        pairs: the pairs to measure.
        kind: the kind of ablation.
        above: the threshold, a fraction of clean − corrupt.
        sufficient: nodes known to recover more than the threshold alone.
        needed: nodes known to remove more than the threshold alone.
    """
    ways: tuple[PatchingMethod, ...] = (kind, "noising", "denoising")
    tested = len(ways) * (len(pairs) + 1)
    by_way = {by: _joint_pairs(measured, few, by, pairs, above, tested) for by in ways}
    removing = _distinct([*by_way[kind], *by_way["noising"]])
    both = {joint.nodes for joint in removing} & {joint.nodes for joint in by_way["denoising"]}
    redundant = [joint for joint in removing if joint.nodes not in both]
    conjunctions = [joint for joint in by_way["denoising"] if joint.nodes not in both]
    reinforcing = [joint for joint in by_way["denoising"] if joint.nodes in both]
    explained = {node for joint in (*redundant, *conjunctions, *reinforcing) for node in joint.nodes}
    idle = _without_own_effect(SetPatching(measured, kind), sufficient, above)
    copies = [node for node in sufficient if node not in explained and (node not in needed or node in idle)]
    partial = [node for node in needed if node not in explained and node not in sufficient]
    redundant += _larger_sets(measured, (kind, "noising"), copies, above, tested)
    conjunctions += _larger_sets(measured, ("denoising",), partial, above, tested)
    return JointEffects(len(pairs), tested, _by_effect(redundant), _by_effect(conjunctions), _by_effect(reinforcing))


def _joint_pairs(
    measured: Measurements, few: Measurements, by: PatchingMethod, pairs: Sequence[NodeSet], above: float, tested: int
) -> list[JointEffect]:
    """Return the pairs with a much larger joint effect."""
    if not pairs:
        return []
    effect_size = float(few.unpatched.effect_size.mean())
    near = [
        pair
        for pair, rows in zip(pairs, _excess(SetPatching(few, by), pairs), strict=True)
        if rows.mean() / effect_size > MIN_PRELIMINARY_EXCESS * MIN_EXCESS * above
    ]
    return _significant_sets(SetPatching(measured, by), near, above, tested, much=True)


def _excess(patching: SetPatching, sets: Sequence[NodeSet]) -> Floats:
    """Return how far the effects of sets exceed the sums of single effects, `set prompt`; harmful nodes add nothing."""
    alone = patching.alone(list(dict.fromkeys(node for nodes in sets for node in nodes)))
    useful = {node: row if row.mean() > 0 else np.zeros_like(row) for node, row in alone.items()}
    excess: Floats = patching.moved(sets) - np.stack([sum(useful[node] for node in nodes) for nodes in sets])
    return excess


def _significant_sets(
    patching: SetPatching, sets: Sequence[NodeSet], above: float, tested: int, *, much: bool
) -> list[JointEffect]:
    """Return the sets with a significant excess; `much` requires it to be large compared with each effect alone."""
    if not sets:
        return []
    effect_size, design = patching.measured.unpatched.effect_size, patching.measured.design
    more, _ = beyond_threshold(_excess(patching, sets), effect_size, MIN_EXCESS * above, design, tested)
    together = patching.moved(sets)
    alone = patching.alone(list(dict.fromkeys(node for nodes in sets for node in nodes)))
    joints = []
    for nodes, row, is_significant in zip(sets, together, more, strict=True):
        own = [float(alone[node].mean()) for node in nodes]
        rest = float(row.mean()) - sum(max(0.0, value) for value in own)
        if is_significant and not (much and any(rest + max(0.0, value) < MIN_GROWTH * value for value in own)):
            estimates = tuple(ratio_interval(alone[node], effect_size, design) for node in nodes)
            joints.append(JointEffect(nodes, patching.method, estimates, ratio_interval(row, effect_size, design)))
    return joints


def _larger_sets(
    measured: Measurements, ways: Sequence[PatchingMethod], nodes: Sequence[Node], above: float, tested: int
) -> list[JointEffect]:
    """Return sets of at least three nodes, each reduced by dropping the nodes that add little."""
    all_joints: list[JointEffect] = []
    for by in ways:
        patching = SetPatching(measured, by)
        taken = {node for joint in all_joints for node in joint.nodes}
        left = [node for node in nodes if node not in taken]
        while len(left) > 2:
            smallest = _shrink(patching, left)
            joints = _significant_sets(patching, [smallest], above, tested, much=False) if len(smallest) > 2 else []
            if not joints:
                break
            all_joints += joints
            left = [node for node in left if node not in smallest]
    return all_joints


def _shrink(patching: SetPatching, nodes: Sequence[Node]) -> NodeSet:
    """Drop the nodes without which a good part of the joint effect remains."""
    remaining = tuple(sorted(nodes))
    whole = float(patching.moved([remaining]).mean())
    for node in sorted(nodes):
        rest = tuple(other for other in remaining if other != node)
        if len(rest) > 1 and float(patching.moved([rest]).mean()) >= MIN_REMAINING_EFFECT * whole:
            remaining = rest
    return remaining


def _without_own_effect(patching: SetPatching, nodes: Sequence[Node], above: float) -> set[Node]:
    """Return the nodes that remove less than the threshold when each is ablated alone."""
    effect_size = float(patching.measured.unpatched.effect_size.mean())
    return {node for node, row in patching.alone(nodes).items() if row.mean() < above * effect_size}


def _distinct(joints: Sequence[JointEffect]) -> list[JointEffect]:
    """Return the first joint for each set of nodes."""
    first: dict[NodeSet, JointEffect] = {}
    for joint in joints:
        first.setdefault(joint.nodes, joint)
    return list(first.values())


def _by_effect(joints: Sequence[JointEffect]) -> tuple[JointEffect, ...]:
    return tuple(sorted(joints, key=lambda joint: -joint.together.value))
