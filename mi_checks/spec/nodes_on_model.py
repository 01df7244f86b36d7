"""Validation of all nodes of a check together, on one model.

There must be nodes, each named once, in a possible order, and a circuit may not comprise the whole model. Groups are
skipped if the model's shape is unknown, and roles always are, because their nodes are known only once they are bound;
the code that measures the check tests them then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import Check, NodeNames, names
from mi_checks.spec.circuit_checks import Among, CircuitCheck
from mi_checks.spec.edges import (
    LOGITS_NAME,
    EdgeName,
    PathStop,
    impossible_step,
    parse_edge,
    unreachable_reason,
)
from mi_checks.spec.named_nodes import NodePlace, node_places
from mi_checks.spec.node_checks import MediatorsCheck
from mi_checks.spec.node_names import ModelShape, expand_nodes, leaf_names, parse_group, parse_node
from mi_checks.spec.path_checks import ComposesCheck, DirectLogitAttributionCheck, PathCheck, PathHop
from mi_checks.spec.problems import Keys, SpecProblem, comma_list
from mi_checks.spec.yaml_source import YamlSource


def problems_on_model(
    source: YamlSource, path: Keys, check: Check, behaviour: Behaviour, model: str, shape: ModelShape | None = None
) -> Iterator[SpecProblem]:
    """Yield the mistakes in the nodes of a check, taken together, on a model that it is for."""
    # A set called `logits` is reported elsewhere.
    sets = {name: nodes for name, nodes in behaviour.sets_for(model).items() if name != LOGITS_NAME}
    on = _NodesOnModel(model, sets, shape)
    # That no node mediates is a valid claim.
    may_be_empty = isinstance(check, MediatorsCheck) and check.exactly is not None
    empty = (
        "an empty circuit claims nothing; name at least one node"
        if isinstance(check, CircuitCheck)
        else "no node is named; name at least one"
    )
    for place in node_places(path, check):
        if not names(place.expression) and not may_be_empty:
            yield source.problem(place.path, empty)
        for wrong in on.named(place, may_be_empty=may_be_empty):
            yield source.problem(place.path, wrong)
    match check:
        case PathCheck():
            keys: list[Keys] = [("from",), *(("through", i, "nodes") for i in range(len(check.through))), ("to",)]
            yield from _path_problems(source, on, check.from_, check.hops, [(*path, *key) for key in keys])
            yield from _sum_problems(source, (*path, "from"), on, check.from_)
        case ComposesCheck():
            yield from _composition_problems(source, (*path, "to"), on, check)
        case DirectLogitAttributionCheck():
            yield from _sum_problems(source, (*path, "nodes"), on, check.nodes)
        case CircuitCheck(nodes=None):
            yield from _edge_problems(source, (*path, "edges"), on, check)
        case CircuitCheck(nodes=nodes) if nodes is not None and shape is not None:
            message = whole_model_problem(on.nodes(nodes), check.among, shape)
            if message:
                yield source.problem((*path, "nodes"), f"for {model}, {message}")


@dataclass(frozen=True)
class _NodesOnModel:
    model: str
    sets: Mapping[str, NodeNames]
    shape: ModelShape | None

    def knows(self, expression: NodeNames) -> bool:
        """Return whether every node of an expression is known, or would be if the model's shape were."""
        parts = [part for name in names(expression) for part in leaf_names(name)]
        nodes = [node for part in parts for node in names(self.sets.get(part, part))]
        return all(parse_node(node) is not None for node in nodes)

    def nodes(self, expression: NodeNames) -> tuple[str, ...]:
        """Return the known nodes of an expression, and `logits`."""
        if self.shape is None:
            nodes = [node for name in names(expression) for node in names(self.sets.get(name, name))]
        else:
            nodes = [*expand_nodes(expression, self.sets, self.shape)]
        return tuple(node for node in nodes if node == LOGITS_NAME or parse_node(node) is not None)

    def named(self, place: NodePlace, *, may_be_empty: bool) -> Iterator[str]:
        """Yield a message if the nodes of a place, on which the check acts together, are none or include one twice."""
        expression = names(place.expression)
        owners: dict[str, str] = {}
        for name in dict.fromkeys(expression):
            nodes = self.nodes(name)
            again = next((node for node in nodes if node in owners), None)
            if again is not None:
                yield f"for {self.model}, {again!r} is named twice: by {owners[again]!r} and by {name!r}"
            owners.update(dict.fromkeys(nodes, name))
        groups = [name for name in expression if parse_group(name) is not None]
        if self.shape is None and groups:
            return
        if expression and not owners and self.knows(expression) and not may_be_empty:
            yield f"for {self.model}, {comma_list(expression)} is empty, so no node is named"

    def prefix(self, written: NodeNames, *nodes: str) -> str:
        """Return the model's name for a message about nodes that are not all written in the check itself, or ""."""
        return "" if set(nodes) <= set(names(written)) else f"for {self.model}, "


def _path_problems(
    source: YamlSource, on: _NodesOnModel, start: NodeNames, hops: tuple[PathHop, ...], places: list[Keys]
) -> Iterator[SpecProblem]:
    stops = [PathStop(on.nodes(start)), *(PathStop(on.nodes(hop.nodes), hop.via) for hop in hops)]
    known = [(stop, place) for stop, place in zip(stops, places, strict=True) if stop.nodes]
    step = impossible_step(stop for stop, _ in known)
    if step is not None:
        written = (*names(start), *(name for hop in hops for name in names(hop.nodes)))
        yield source.problem(known[step.stop][1], on.prefix(written, step.sender, step.receiver) + step.message)


def _composition_problems(
    source: YamlSource, path: Keys, on: _NodesOnModel, check: ComposesCheck
) -> Iterator[SpecProblem]:
    """Yield a mistake for the first head of `to` that cannot read any head of `from`: each needs one earlier writer."""
    senders = on.nodes(check.from_)
    for receiver in on.nodes(check.to):
        messages = [unreachable_reason(sender, receiver, check.via) for sender in senders]
        if on.knows(check.from_) and messages and None not in messages:
            prefix = on.prefix((*names(check.from_), *names(check.to)), *senders, receiver)
            yield source.problem(path, f"{prefix}{messages[0]}")
            return


def _sum_problems(source: YamlSource, path: Keys, on: _NodesOnModel, expression: NodeNames) -> Iterator[SpecProblem]:
    message = overlap_problem(on.nodes(expression))
    if message:
        yield source.problem(path, f"for {on.model}, {message}")


def _edge_problems(source: YamlSource, path: Keys, on: _NodesOnModel, check: CircuitCheck) -> Iterator[SpecProblem]:
    first: dict[EdgeName, str] = {}
    written: set[str] = set()
    for index, text in enumerate(check.edges or ()):
        edge = parse_edge(text)
        if edge is None:
            continue
        place, shown = (*path, index), str(edge)
        if shown in written:
            yield source.problem(place, f"the edge {shown!r} appears twice")
            continue
        written.add(shown)
        senders, receivers = on.nodes(edge.sender), on.nodes(edge.receiver)
        step = impossible_step((PathStop(senders), PathStop(receivers, edge.via)))
        if step is not None:
            prefix = on.prefix((edge.sender, edge.receiver), step.sender, step.receiver)
            yield source.problem(place, f"{prefix}{step.message}, so there is no such edge")
            continue
        for single in (EdgeName(sender, receiver, edge.via) for sender in senders for receiver in receivers):
            if single in first:
                by = f"by {first[single]!r} and by {shown!r}"
                yield source.problem(place, f"for {on.model}, the edge '{single}' is named twice: {by}")
                break
            first[single] = shown
    if on.shape is not None:
        message = whole_graph_problem(first, check.among, on.shape)
        if message:
            yield source.problem(path, f"for {on.model}, {message}")


_NOTHING_ABLATED = "so nothing would be ablated; leave out at least one"


def whole_model_problem(nodes: Iterable[str], among: Among, shape: ModelShape) -> str | None:
    """Return why a circuit of these nodes is not testable if it has every node that could be ablated, or None."""
    heads, mlps = _circuit_candidates(among, shape)
    left_out = {*heads, *mlps}.difference(nodes)
    return None if left_out else f"the circuit contains {_all_candidates_text(among, shape)}, {_NOTHING_ABLATED}"


def whole_graph_problem(edges: Iterable[EdgeName], among: Among, shape: ModelShape) -> str | None:
    """Return why a circuit of these edges is not testable if it has every edge between single nodes, or None."""
    heads, mlps = shape.n_heads, int(among == "heads_and_mlps" and shape.has_mlps)
    earlier = sum(layer * (heads + mlps) for layer in range(shape.n_layers))
    into_heads = 3 * heads * earlier  # by q, k and v
    into_mlps = mlps * (earlier + shape.n_layers * heads)  # their own layers' heads come before them
    into_logits = shape.n_layers * (heads + mlps)
    if len(set(edges)) < into_heads + into_mlps + into_logits:
        return None
    return f"the circuit contains all edges between {_all_candidates_text(among, shape)}, {_NOTHING_ABLATED}"


def _circuit_candidates(among: Among, shape: ModelShape) -> tuple[list[str], list[str]]:
    layers = range(shape.n_layers)
    heads = [f"L{layer}H{head}" for layer in layers for head in range(shape.n_heads)]
    return heads, [f"L{layer}.mlp" for layer in layers if among == "heads_and_mlps" and shape.has_mlps]


def _all_candidates_text(among: Among, shape: ModelShape) -> str:
    heads, mlps = _circuit_candidates(among, shape)
    return f"all {len(heads)} heads" + (f" and {len(mlps)} MLP layers" if mlps else "")


def overlap_problem(nodes: Iterable[str]) -> str | None:
    """Return why the outputs of nodes cannot be summed (one is part of another, a whole layer), or None if they can."""
    names = tuple(nodes)
    for node in names:
        parts = parse_node(node)
        whole = {"head": "attn", "neuron": "mlp"}.get(parts.component) if parts is not None else None
        if parts is not None and whole is not None and f"L{parts.layer}.{whole}" in names:
            return f"{node!r} is part of 'L{parts.layer}.{whole}', so it would be counted twice"
    return None
