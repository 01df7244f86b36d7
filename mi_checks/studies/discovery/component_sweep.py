"""Sweeps that patch every head or neuron alone, or a selection of them if all would take too long.

The selection is by attribution patching and, for neurons, by exact patching of whole layers and then of parts of those
that matter. A gradient is zero behind a saturated activation; the effect of patching a group is not. Groups are patched
in both runs, since a neuron that needs another shows only under noising, and one with a redundant copy only under
denoising. The search misses neurons that cancel each other within a group.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import Intervention, denoise, noise
from mi_checks.engine.nodes import Component, Node, all_nodes
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.stats.floor import Floats
from mi_checks.studies.discovery.node_effects import NodeEffects, measure_effects
from mi_checks.studies.discovery.node_selection import (
    NodeSelection,
    estimate_agreement,
    largest_estimates,
    random_sample,
)
from mi_checks.studies.discovery.time_budget import ChunkedEngine, TimeBudget

PARTS_PER_GROUP = 4  # parts that a group is divided into
MAX_DIVIDED_AT_ONCE = 8  # groups that are divided at a time
MIN_GROUP_EFFECT = 0.7  # fraction of the threshold; groups with a smaller effect are not divided
PROGRESS_TITLE = "groups of neurons"
NeuronGroup = tuple[Node, ...]
# Takes groups and returns their effects as fractions of clean − corrupt.
GroupEffects = Callable[[Sequence[NeuronGroup]], Floats]
MIN_SELECTED, MAX_SELECTED = 32, 128  # nodes selected by their estimates, depending on the time
N_SAMPLED = 32  # other nodes, drawn at random, to see what the selection may have missed
MIN_GROUPS, MAX_GROUPS = 96, 1024  # groups of neurons patched in each direction
# Returns `estimate node`, fractions of clean − corrupt; computed when first needed.
EstimateNodes = Callable[[], Floats]


@dataclass(frozen=True)
class NeuronSearch:
    """The result of the search.

    Attributes:
        nodes: single neurons whose effect is near or above the threshold, strongest first.
        n_patched: the number of groups and neurons that were patched.
        unfinished: whether groups that matter were left undivided for lack of time.
    """

    nodes: tuple[Node, ...]
    n_patched: int
    unfinished: bool


def search_neurons(measured: Measurements, layers: Sequence[Sequence[Node]], above: float, most: int) -> NeuronSearch:
    """Divide the layers that matter, those with the largest effects first, until single neurons are left.

    Args:
        measured: the behaviour on the model.
        layers: the neurons of each layer.
        above: the threshold, a fraction of clean − corrupt.
        most: the number of groups that may be patched in each direction.
    """
    unpatched, effect_size = measured.unpatched, float(measured.unpatched.effect_size.mean())

    width, at = measured.loaded_model.shape.d_mlp, measured.default_position

    def patched(group: NeuronGroup) -> NeuronGroup:
        # the whole layer: the same effect, and measured anyway
        return (Node(group[0].layer, "mlp"),) if len(group) == width else group

    def recovered(groups: Sequence[NeuronGroup]) -> Floats:
        left = measured.logit_diffs([denoise(*patched(each), at=at) for each in groups], f"{PROGRESS_TITLE}, denoised")
        fractions: Floats = (left - unpatched.corrupt.logit_diff).mean(1) / effect_size
        return fractions

    def removed(groups: Sequence[NeuronGroup]) -> Floats:
        left = measured.logit_diffs([noise(*patched(each), at=at) for each in groups], f"{PROGRESS_TITLE}, noised")
        fractions: Floats = (unpatched.clean.logit_diff - left).mean(1) / effect_size
        return fractions

    whole = [tuple(layer) for layer in layers if layer]
    both = [_search_groups(effect, whole, MIN_GROUP_EFFECT * above, most) for effect in (recovered, removed)]
    sizes: dict[Node, float] = {}
    for each in both:
        sizes |= {node: max(size, sizes.get(node, 0.0)) for node, size in each.sizes.items()}
    nodes = tuple(sorted(sizes, key=lambda node: (-sizes[node], node)))
    return NeuronSearch(nodes, sum(each.n_patched for each in both), any(each.unfinished for each in both))


@dataclass(frozen=True)
class _GroupSearch:
    sizes: dict[Node, float]
    n_patched: int
    unfinished: bool


def _search_groups(effect: GroupEffects, whole: Sequence[NeuronGroup], near: float, most: int) -> _GroupSearch:
    """Find single neurons and their effects by one kind of patching."""
    sizes: dict[Node, float] = {}
    waiting: list[tuple[float, NeuronGroup]] = []  # a heap, the largest effect first
    parts, patched, cut = list(whole), 0, False
    while parts and patched < most:
        cut |= len(parts) > most - patched
        parts = parts[: most - patched]
        patched += len(parts)
        for group, size in zip(parts, np.abs(effect(parts)).tolist(), strict=True):
            if size >= near and len(group) == 1:
                sizes[group[0]] = size
            elif size >= near:
                heappush(waiting, (-size, group))
        some = [heappop(waiting)[1] for _ in range(min(MAX_DIVIDED_AT_ONCE, len(waiting)))]
        parts = [part for group in some for part in _divide(group)]
    return _GroupSearch(sizes, patched, unfinished=cut or bool(parts or waiting))


def _divide(group: NeuronGroup) -> list[NeuronGroup]:
    size = -(-len(group) // PARTS_PER_GROUP)
    return [group[begin : begin + size] for begin in range(0, len(group), size)]


def sweep_component(
    measured: Measurements,
    engine: ChunkedEngine,
    component: Component,
    above: float,
    budget: TimeBudget,
    estimate: EstimateNodes,
    verification_ratio: float = 0.0,
) -> NodeEffects | None:
    """Patch all nodes of a component in both directions, or a selection of them; None if there are none.

    Args:
        measured: the behaviour on the model.
        engine: the engine that measures it.
        component: heads or neurons.
        above: the threshold, a fraction of clean − corrupt.
        budget: the time that sweeps may take.
        estimate: returns estimates for all nodes.
        verification_ratio: the number of prompt pairs on which all nodes are denoised again for verification, as a
            multiple of the number used here.
    """
    nodes = all_nodes(component, measured.loaded_model.shape)
    if not nodes:
        return None
    each = budget.seconds_each(measured, engine, _both_directions(nodes, measured.default_position))
    few = len(nodes) <= MIN_SELECTED + N_SAMPLED  # the selection would be all of them
    count = math.ceil((2 + verification_ratio) * len(nodes))
    if few or budget.allows(count, each):
        return measure_effects(measured, nodes, above, COMPONENT_PLURALS[component])
    return _sweep_selection(measured, component, nodes, above, budget, each, count * each, estimate())


def _sweep_selection(
    measured: Measurements,
    component: Component,
    nodes: Sequence[Node],
    above: float,
    budget: TimeBudget,
    seconds_each: float,
    expected_s: float,
    estimates: Floats,
) -> NodeEffects:
    """Patch the nodes with the largest estimates, those found by group patching, and a random sample of others."""
    by_gradient = largest_estimates(estimates, budget.affordable(2 * seconds_each, MIN_SELECTED, MAX_SELECTED))
    groups = NeuronSearch((), 0, unfinished=False)
    if component == "neuron":
        layers = [
            [node for node in nodes if node.layer == layer] for layer in range(measured.loaded_model.shape.n_layers)
        ]
        groups = search_neurons(measured, layers, above, budget.affordable(2 * seconds_each, MIN_GROUPS, MAX_GROUPS))
    place = {node: i for i, node in enumerate(nodes)}
    by_groups = [place[node] for node in groups.nodes if place[node] not in by_gradient][:MAX_SELECTED]
    chosen = {*by_gradient, *by_groups}
    sample = random_sample([i for i in range(len(nodes)) if i not in chosen], N_SAMPLED, seed=len(nodes))
    patched = sorted({*chosen, *sample})
    patched_effects = measure_effects(
        measured, [nodes[i] for i in patched], above, COMPONENT_PLURALS[component], among=len(nodes)
    )
    exact = {"recovers": patched_effects.recovers.sweep.fractions, "removes": patched_effects.removes.sweep.fractions}
    own = estimates[:, patched]
    is_sampled = np.isin(patched, sample)
    selection = NodeSelection(
        n_candidates=len(nodes),
        expected_s=expected_s,
        n_by_gradient=len(by_gradient),
        n_by_group_patching=len(by_groups),
        unfinished=groups.unfinished,
        n_sampled=len(sample),
        max_unselected_effect=max(
            (float(np.abs(values[is_sampled]).max()) for values in exact.values() if len(sample)), default=0.0
        ),
        agreements=tuple(
            estimate_agreement(what, own[row], exact[what]) for row, what in enumerate(("recovers", "removes"))
        ),
    )
    return NodeEffects(patched_effects.recovers, patched_effects.removes, selection)


def _both_directions(nodes: Sequence[Node], at: str | None) -> list[Intervention]:
    return [*(denoise(node, at=at) for node in nodes), *(noise(node, at=at) for node in nodes)]
