"""The circuit that a report draws: claimed nodes, nodes that mediate, and the paths between them."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mi_checks.checks.hypothesis import Hypothesis, hypothesis
from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.engine.interventions import Edge, Intervention, denoise, reaches
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.engine.residual_stream import is_parallel
from mi_checks.faults.omissions import Omissions
from mi_checks.prompts.batch import PromptBatch
from mi_checks.results.evidence import MIN_MEDIATOR_FRACTION, Circuit, CircuitEdge, CircuitNode
from mi_checks.spec.node_names import COMPONENT_PLURALS, ModelShape
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import NoEffectSize, ratio_intervals, require_effect_size
from mi_checks.suite.evidence.node_cards import head_cards, neuron_cards

# Prompt pairs on which is measured what is only drawn: heads that no check sweeps, paths, maps and cards. Rows are
# drawn in rounds, so that the first pairs are spread over them as evenly as can be.
MIN_PATH_PROMPTS, MAX_PATH_PROMPTS = 32, 48
# By which the mean effect size of as many pairs lies above zero, as far as `MAX_PATH_PROMPTS` allows.
MIN_STANDARD_ERRORS = 4
MAX_DRAWN_NODES = 10  # nodes in the drawing, except those that paths pass through
MAX_PATH_ENDS = 4  # nodes between which paths are looked for: those with the largest effects
MAX_CLAIMED_EDGES = 24  # claimed edges that are measured
MAX_HEAD_CARDS = 3  # heads with a card


def path_prompts(measured: Measurements) -> PromptBatch:
    """Return the first prompt pairs, as many as estimate the effect size well enough for a drawing."""
    effect_size = measured.unpatched.effect_size
    spread = effect_size.std() / max(effect_size.mean(), 1e-9)
    count = int(np.clip(np.ceil((MIN_STANDARD_ERRORS * spread) ** 2), MIN_PATH_PROMPTS, MAX_PATH_PROMPTS))
    return measured.batch.select(slice(count))


def circuit(measured: Measurements, on_few: Measurements, omitted: Omissions | None = None) -> Circuit | None:
    """Return the claimed and mediating nodes, the claimed and effective paths between them, and cards.

    The result is None if no head was swept, or if no node is claimed or mediates.

    Args:
        measured: the measurements, with their sweeps.
        on_few: the same claims on the prompts of `path_prompts`.
        omitted: records what cannot be measured and is left out.
    """
    omitted = Omissions() if omitted is None else omitted
    if not any(place.component == "head" for place in measured.sweeps):
        return None
    claimed = hypothesis(measured)
    nodes = _mediators(measured, claimed.nodes)
    missing = [node for node in claimed.nodes if node not in nodes]
    unknown = [_SingleEffect("", None, False)] * len(missing)
    what = "the measurement of claimed nodes that no check swept"
    nodes |= dict(zip(missing, omitted.attempt(what, lambda: _single_effects(missing, on_few), unknown), strict=True))
    nodes = {node: each for node, each in nodes.items() if node in claimed.nodes or each.found}
    if not nodes:
        return None
    # Claimed nodes come first, then those with the largest effects.
    order = sorted(nodes, key=lambda node: (node not in claimed.nodes, -nodes[node].size, node))
    drawn = {node: nodes[node] for node in order[:MAX_DRAWN_NODES]}
    nothing: dict[Edge, Estimate | None] = {}
    edges = omitted.attempt("the set of paths in the circuit", lambda: _edges(drawn, claimed, on_few), nothing)
    readers = {receiver: _owner(receiver, drawn, measured) for _, receiver in edges}
    passed = {*readers.values(), *(sender for sender, _ in edges)} - {LOGITS}
    drawn |= {node: nodes[node] for node in passed & set(nodes)}
    between = sorted(passed - set(drawn))  # MLP layers through which a neuron or a later head is reached
    drawn |= dict(zip(between, _single_effects(between, on_few), strict=True))
    heads = [node for node in order[:MAX_DRAWN_NODES] if node.kind == "head"]
    neurons = [node for node in sorted(drawn) if node.kind == "neuron"]
    return Circuit(
        nodes=tuple(_node(node, claimed, drawn[node]) for node in sorted(drawn)),
        edges=tuple(
            CircuitEdge(
                str(sender), str(readers[receiver]), receiver.kind if receiver.kind in ("q", "k", "v") else "",
                claimed=(sender, receiver) in claimed.edges, found=_mediates(estimate), effect=estimate,
            )
            for (sender, receiver), estimate in sorted(edges.items())
        ),
        cards=tuple(head_cards(heads[:MAX_HEAD_CARDS], measured, on_few, omitted)),
        omitted=len(set(nodes) - set(drawn)),
        n=len(on_few.batch) if has_effect_size(on_few) else 0,
        neurons=tuple(neuron_cards(neurons, measured, on_few, omitted)),
    )  # fmt: skip


@dataclass(frozen=True)
class _SingleEffect:
    """What a node recovers when it is patched alone, and where it is patched."""

    at: str
    effect: Estimate | None
    found: bool

    @property
    def size(self) -> float:
        return 0.0 if self.effect is None else self.effect.value


def _mediators(measured: Measurements, claimed: Container[Node]) -> dict[Node, _SingleEffect]:
    """Return the swept heads and neurons that are claimed or may mediate, at the position where they recover most.

    A node whose estimate is not above the threshold does not mediate, whatever its interval, which takes time.
    """
    strongest: dict[Node, _SingleEffect] = {}
    for sweep in _sweeps_to_draw(measured, claimed):
        is_above = sweep.recovered.mean(1) > MIN_MEDIATOR_FRACTION * sweep.effect_size.mean()
        places = [place for place, node in enumerate(sweep.nodes) if is_above[place] or node in claimed]
        try:
            estimates: Sequence[Estimate | None] = sweep.estimates_of(places)
        except NoEffectSize:
            estimates = [None] * len(places)
        for place, estimate in zip(places, estimates, strict=True):
            node = sweep.nodes[place]
            before = strongest.get(node)
            current = _SingleEffect(
                sweep.at or "", estimate, _mediates(estimate) or (before is not None and before.found)
            )
            if before is None or current.size > before.size:
                strongest[node] = current
            elif current.found:
                strongest[node] = replace(before, found=True)
    return strongest


def _sweeps_to_draw(measured: Measurements, claimed: Container[Node]) -> Iterator[Sweep]:
    """Yield the sweeps of heads and neurons, with claimed nodes on all prompts, as their checks have denoised them."""
    for place, sweep in measured.sweeps.items():
        if place.component not in ("head", "neuron"):
            continue
        own = [node for node in sweep.nodes if node in claimed]
        if own and sweep.design.n < len(measured.batch):
            yield measured.sweep_of(own, sweep.at, COMPONENT_PLURALS[place.component])
            sweep = sweep.without(own)
        yield sweep


def _single_effects(nodes: Sequence[Node], measured: Measurements) -> list[_SingleEffect]:
    where = measured.default_position
    estimates = _fractions_recovered([denoise(node, at=where) for node in nodes], measured)
    return [_SingleEffect(where or "", estimate, _mediates(estimate)) for estimate in estimates]


def _edges(drawn: dict[Node, _SingleEffect], claimed: Hypothesis, on_few: Measurements) -> dict[Edge, Estimate | None]:
    """Return the claimed edges, and the edges among the strongest nodes that recover something.

    A node that affects neither the others nor the logits directly may do so through an MLP layer.
    """
    shape = on_few.loaded_model.shape
    ends = sorted(drawn, key=lambda node: -drawn[node].size)[:MAX_PATH_ENDS]
    parallel = is_parallel(on_few.loaded_model.bridge)
    edges = _recovering_edges(
        [*claimed.edges[:MAX_CLAIMED_EDGES], *_edges_among(ends, shape)], claimed, on_few, parallel=parallel
    )
    silent = [node for node in ends if not any(sender == node for sender, _ in edges)]
    if silent and shape.has_mlps:
        mlps = [Node(layer, "mlp") for layer in range(shape.n_layers)]
        into = [(node, mlp) for node in silent for mlp in mlps if reaches(node, mlp)]
        through = _recovering_edges(into, claimed, on_few, parallel=parallel)
        passed = sorted({mlp for _, mlp in through})
        onward = [(mlp, receiver) for mlp in passed for receiver in _inputs(ends, shape) if reaches(mlp, receiver)]
        edges |= through | _recovering_edges(onward, claimed, on_few, parallel=parallel)
    return edges


def _recovering_edges(
    edges: Sequence[Edge], claimed: Hypothesis, on_few: Measurements, *, parallel: bool
) -> dict[Edge, Estimate | None]:
    """Return what each path recovers alone; paths that recover nothing are included only if they are claimed."""
    one_stream = [(s, r) for s, r in dict.fromkeys(edges) if reaches(s, r)]
    possible = [(s, r) for s, r in one_stream if not (parallel and r.kind == "mlp" and s.layer == r.layer)]
    paths = [denoise(sender, at=on_few.default_position, into=(receiver,)) for sender, receiver in possible]
    estimates = dict(zip(possible, _fractions_recovered(paths, on_few), strict=True))
    return {edge: estimate for edge, estimate in estimates.items() if edge in claimed.edges or _mediates(estimate)}


def _edges_among(ends: Sequence[Node], shape: ModelShape) -> Iterator[Edge]:
    return ((sender, receiver) for sender in ends for receiver in _inputs(ends, shape) if reaches(sender, receiver))


def _inputs(ends: Sequence[Node], shape: ModelShape) -> Iterator[Node]:
    """Yield the logits and the inputs of nodes; the input of a neuron is that of its MLP layer."""
    yield LOGITS
    for node in ends:
        if node.kind == "head" and node.index is not None:
            shared = node.index // (shape.n_heads // shape.n_kv_heads)
            yield from (Node(node.layer, "q", node.index), Node(node.layer, "k", shared), Node(node.layer, "v", shared))
        elif node.kind in ("neuron", "mlp"):
            yield Node(node.layer, "mlp")


def _fractions_recovered(interventions: Sequence[Intervention], measured: Measurements) -> list[Estimate | None]:
    """Return the fraction of clean − corrupt that each intervention recovers; None if there is no effect size."""
    if not interventions:
        return []
    moved = measured.logit_diffs(interventions, "paths") - measured.unpatched.corrupt.logit_diff
    try:
        return list(
            ratio_intervals(
                moved, measured.unpatched.effect_size, measured.design, floor=measured.floor, cache=measured.intervals
            )
        )
    except NoEffectSize:
        return [None] * len(interventions)


def _node(node: Node, claimed: Hypothesis, alone: _SingleEffect) -> CircuitNode:
    return CircuitNode(
        node=str(node), kind=node.kind, layer=node.layer, role=claimed.nodes.get(node, ""),
        claimed=node in claimed.nodes, found=alone.found, at=alone.at, effect=alone.effect,
    )  # fmt: skip


def _owner(receiver: Node, drawn: Container[Node], measured: Measurements) -> Node:
    """Return the node whose input a receiver is; if heads share a key or value, the first of them that is drawn."""
    if receiver.kind not in ("q", "k", "v"):
        return receiver
    first, shared = receiver.index or 0, 1
    if receiver.kind != "q":
        shared = measured.loaded_model.shape.n_heads // measured.loaded_model.shape.n_kv_heads
        first *= shared
    group = [Node(receiver.layer, "head", index) for index in range(first, first + shared)]
    return next((head for head in group if head in drawn), group[0])


def has_effect_size(measured: Measurements) -> bool:
    """Return whether clean and corrupt differ significantly, as fractions require."""
    try:
        require_effect_size(
            measured.unpatched.effect_size, measured.design, floor=measured.floor, cache=measured.intervals
        )
    except NoEffectSize:
        return False
    return True


def _mediates(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.lies_above(MIN_MEDIATOR_FRACTION)
