"""Validation of the nodes that a behaviour names, without knowledge of the models' shapes."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import Check, NodeNames, names
from mi_checks.spec.check_refs import placed_checks, present_models
from mi_checks.spec.circuit_checks import Circuit
from mi_checks.spec.claim_refs import claim_problems
from mi_checks.spec.edge_order import wrong_input
from mi_checks.spec.edges import LOGITS, Input, parse_edge
from mi_checks.spec.named_nodes import claimed_nodes, not_a_node, placed_names
from mi_checks.spec.node_expressions import referenced
from mi_checks.spec.node_names import parse_node
from mi_checks.spec.nodes_on_model import problems_on_model
from mi_checks.spec.path_checks import Path
from mi_checks.spec.problems import Problem
from mi_checks.spec.yaml_source import Keys, YamlSource


def node_problems(source: YamlSource, behaviour: Behaviour) -> Iterator[Problem]:
    """Yield the mistakes in node names and node sets that do not depend on the models' shapes.

    The parts of one entry share most of their mistakes, so each mistake is yielded once.
    """
    yield from dict.fromkeys(_of_checks(source, behaviour))
    for model in present_models(behaviour):
        yield from _of_sets(source, behaviour, model)


def _of_checks(source: YamlSource, behaviour: Behaviour) -> Iterator[Problem]:
    for path, check in placed_checks(behaviour):
        models = [model for model in present_models(behaviour) if behaviour.claims(check, model)]
        bound = {model: behaviour.sets_for(model) for model in models}
        for place in claimed_nodes(path, check):
            yield from claim_problems(source, place, behaviour, bound)
        yield from _inputs_of_logits(source, path, check)
        for model in models:
            yield from problems_on_model(source, path, check, behaviour, model)


def _inputs_of_logits(source: YamlSource, path: Keys, check: Check) -> Iterator[Problem]:
    ends: list[tuple[Keys, Input | None]] = []
    if isinstance(check, Path) and check.to == LOGITS:
        ends.append(((*path, "via"), check.via))
    elif isinstance(check, Circuit):
        edges = [parse_edge(text) for text in check.edges or ()]
        ends += [((*path, "edges", i), edge.via) for i, edge in enumerate(edges) if edge and edge.receiver == LOGITS]
    for place, via in ends:
        message = wrong_input(LOGITS, via)
        if message:
            yield source.problem(place, message)


def _of_sets(source: YamlSource, behaviour: Behaviour, model: str) -> Iterator[Problem]:
    used = {
        part
        for path, check in placed_checks(behaviour)
        if behaviour.claims(check, model)
        for place in claimed_nodes(path, check)
        for name in names(place.expression)
        for part in referenced(name)
    }
    for name, expression in behaviour.sets_for(model).items():
        path = ("models", model, "nodes", name)
        if parse_node(name) is not None:
            yield source.problem(path, f"a node set cannot be called {name!r}: that is a node", of_key=True)
        elif name == LOGITS:
            yield source.problem(path, f"a node set cannot be called {name!r}: paths end there", of_key=True)
        elif name in behaviour.roles:
            yield source.problem(path, f"{name!r} is a role, and bound by its score", of_key=True)
        elif name not in used:
            yield source.problem(path, f"the node set {name!r} is used by no check of {model!r}", of_key=True)
        yield from _bound_names(source, path, expression)


def _bound_names(source: YamlSource, path: Keys, expression: NodeNames) -> Iterator[Problem]:
    seen: set[str] = set()
    for place, name in placed_names(path, expression):
        if parse_node(name) is None:
            yield source.problem(place, not_a_node(name, None))
        elif name in seen:
            yield source.problem(place, f"{name!r} is listed twice")
        seen.add(name)
