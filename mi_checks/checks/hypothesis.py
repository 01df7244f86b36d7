"""The circuit that a behaviour claims on a model: the nodes and edges that its checks name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.engine.interventions import WRITER_KINDS, Edge
from mi_checks.engine.nodes import HEAD_PARTS, Node
from mi_checks.errors import MiChecksError
from mi_checks.spec.behaviour import BEHAVIOUR_KINDS
from mi_checks.spec.check import Check, NodeNames, names
from mi_checks.spec.check_refs import is_portable
from mi_checks.spec.circuit_checks import CircuitCheck, CurveCheck
from mi_checks.spec.edges import LOGITS_NAME, parse_edge
from mi_checks.spec.named_nodes import node_places
from mi_checks.spec.node_checks import MediatorsCheck
from mi_checks.spec.node_names import parse_group
from mi_checks.spec.path_checks import PathCheck


@dataclass(frozen=True)
class Hypothesis:
    """The nodes and edges that are claimed to mediate a behaviour.

    Attributes:
        nodes: heads, neurons, attention and MLP layers → the role or node set that names them; "" for none.
        edges: a sender and the input that reads it.
    """

    nodes: dict[Node, str]
    edges: tuple[Edge, ...]


def hypothesis(measured: Measurements) -> Hypothesis:
    """Return the nodes and edges of the checks that claim a large effect on this model.

    A claim about a group (`all heads except …`) says nothing about any one of its nodes, and neither does an upper
    bound. A part of a head counts as its head.
    """
    nodes: dict[Node, str] = {}
    edges: dict[Edge, None] = {}
    for check in checks_on_model(measured):
        if not _claims_large_effect(check, measured):
            continue
        try:
            for node, role in _nodes(check, measured):
                nodes[node] = nodes.get(node) or role
            edges |= dict.fromkeys(_edges(check, measured))
        except MiChecksError:  # a role without a node or an edge that does not exist, which the check itself reports
            continue
    return Hypothesis(nodes, tuple(edges))


def checks_on_model(measured: Measurements) -> Iterator[Check]:
    """Yield the checks that run on the model."""
    behaviour, name = measured.behaviour, measured.loaded_model.name
    for check in behaviour.checks_for(name):
        if name in behaviour.models or is_portable(check, behaviour):
            yield check


def _claims_large_effect(check: Check, measured: Measurements) -> bool:
    if check.kind in BEHAVIOUR_KINDS or isinstance(check, CurveCheck):
        return False
    if isinstance(check, MediatorsCheck | CircuitCheck):
        return True
    bound = measured.behaviour.bound_for(check, measured.loaded_model.name)
    return bound is not None and bound.at_least is not None


def _nodes(check: Check, measured: Measurements) -> Iterator[tuple[Node, str]]:
    for place in node_places((), check):
        for name in names(place.expression):
            if parse_group(name) is not None:
                continue
            for node in measured.nodes(name):
                writer = Node(node.layer, "head", node.index) if node.kind in HEAD_PARTS else node
                if writer.kind in WRITER_KINDS:
                    yield writer, "" if name == str(node) else name


def _edges(check: Check, measured: Measurements) -> Iterator[Edge]:
    if isinstance(check, PathCheck):
        stops: list[NodeNames] = [check.from_, *(hop.nodes for hop in check.hops)]
        for (start, end), hop in zip(pairwise(stops), check.hops, strict=True):
            if not _names_group(start) and not _names_group(end):
                yield from product(measured.nodes(start), receivers(measured, end, hop.via))
    elif isinstance(check, CircuitCheck):
        for text in check.edges or ():
            edge = parse_edge(text)
            if edge is not None and not _names_group(edge.sender) and not _names_group(edge.receiver):
                yield from product(measured.nodes(edge.sender), receivers(measured, edge.receiver, edge.via))


def _names_group(expression: NodeNames) -> bool:
    return expression != LOGITS_NAME and any(parse_group(name) is not None for name in names(expression))
