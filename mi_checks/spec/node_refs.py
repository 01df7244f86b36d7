"""Validation of the nodes that a behaviour names, without knowledge of the models' shapes.

Each name must be defined on every model that the check is for, and must denote nodes of the right kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import Check, NodeNames, names
from mi_checks.spec.check_refs import checks_with_paths, present_models
from mi_checks.spec.circuit_checks import CircuitCheck
from mi_checks.spec.edges import LOGITS_NAME, HeadInput, head_input_problem, parse_edge
from mi_checks.spec.named_nodes import NodePlace, names_with_paths, node_places, unknown_name_message
from mi_checks.spec.node_names import COMPONENT_NOUNS, COMPONENT_PLURALS, leaf_names, parse_group, parse_node
from mi_checks.spec.nodes_on_model import problems_on_model
from mi_checks.spec.path_checks import PathCheck
from mi_checks.spec.problems import Keys, SpecProblem, comma_list
from mi_checks.spec.yaml_source import YamlSource


def node_problems(source: YamlSource, behaviour: Behaviour) -> Iterator[SpecProblem]:
    """Yield the mistakes in node names and node sets that do not depend on the models' shapes.

    The parts of one entry share most of their mistakes, so each mistake is yielded once.
    """
    yield from dict.fromkeys(_of_checks(source, behaviour))
    for model in present_models(behaviour):
        yield from _of_sets(source, behaviour, model)


def _of_checks(source: YamlSource, behaviour: Behaviour) -> Iterator[SpecProblem]:
    for path, check in checks_with_paths(behaviour):
        models = [model for model in present_models(behaviour) if behaviour.claims(check, model)]
        bound = {model: behaviour.sets_for(model) for model in models}
        for place in node_places(path, check):
            yield from claim_problems(source, place, behaviour, bound)
        yield from _inputs_of_logits(source, path, check)
        for model in models:
            yield from problems_on_model(source, path, check, behaviour, model)


def _inputs_of_logits(source: YamlSource, path: Keys, check: Check) -> Iterator[SpecProblem]:
    ends: list[tuple[Keys, HeadInput | None]] = []
    if isinstance(check, PathCheck) and check.to == LOGITS_NAME:
        ends.append(((*path, "via"), check.via))
    elif isinstance(check, CircuitCheck):
        edges = [parse_edge(text) for text in check.edges or ()]
        ends += [
            ((*path, "edges", i), edge.via) for i, edge in enumerate(edges) if edge and edge.receiver == LOGITS_NAME
        ]
    for place, via in ends:
        message = head_input_problem(LOGITS_NAME, via)
        if message:
            yield source.problem(place, message)


def _of_sets(source: YamlSource, behaviour: Behaviour, model: str) -> Iterator[SpecProblem]:
    used = {
        part
        for path, check in checks_with_paths(behaviour)
        if behaviour.claims(check, model)
        for place in node_places(path, check)
        for name in names(place.expression)
        for part in leaf_names(name)
    }
    for name, expression in behaviour.sets_for(model).items():
        path = ("models", model, "nodes", name)
        if parse_node(name) is not None:
            yield source.problem(
                path, f"a node set cannot be called {name!r}, which is a node; choose another name", of_key=True
            )
        elif name == LOGITS_NAME:
            yield source.problem(
                path, f"a node set cannot be called {name!r}, the end of a path; choose another name", of_key=True
            )
        elif name in behaviour.roles:
            yield source.problem(
                path, f"{name!r} is a role, which is bound by its score; choose another name", of_key=True
            )
        elif name not in used:
            yield source.problem(
                path, f"no check of {model!r} uses the node set {name!r}; name it in a check or remove it", of_key=True
            )
        yield from _bound_names(source, path, expression)


def _bound_names(source: YamlSource, path: Keys, expression: NodeNames) -> Iterator[SpecProblem]:
    seen: set[str] = set()
    for place, name in names_with_paths(path, expression):
        if parse_node(name) is None:
            yield source.problem(place, unknown_name_message(name, None))
        elif name in seen:
            yield source.problem(place, f"{name!r} is listed twice")
        seen.add(name)


def claim_problems(
    source: YamlSource, place: NodePlace, behaviour: Behaviour, bound: dict[str, dict[str, NodeNames]]
) -> Iterator[SpecProblem]:
    """Yield the mistakes in the names that stand in one place of a check.

    Args:
        source: the file.
        place: the place, and the kinds of nodes that may stand there.
        behaviour: the behaviour.
        bound: each model that the check is for, with its node sets.
    """
    claim = _NameResolver(place, behaviour, bound)
    seen: set[str] = set()
    for path, name in names_with_paths(place.path, place.expression):
        message = f"{name!r} is listed twice" if name in seen else claim.reference(name)
        seen.add(name)
        if message:
            yield source.problem(path, message)
        else:
            yield from (source.problem(path, message) for message in claim.component(name))


@dataclass(frozen=True)
class _NameResolver:
    place: NodePlace
    behaviour: Behaviour
    bound: dict[str, dict[str, NodeNames]]

    @property
    def sets(self) -> tuple[str, ...]:
        """Return the names of the roles, and of the node sets of all models."""
        sets = (name for model in self.behaviour.models for name in self.behaviour.sets_for(model))
        return tuple(dict.fromkeys((*self.behaviour.roles, *sets)))

    def reference(self, name: str) -> str | None:
        """Return why a name is undefined on at least one model, or None if it is defined on all."""
        return next(filter(None, map(self._unknown, leaf_names(name))), None)

    def _unknown(self, name: str) -> str | None:
        if parse_node(name) is not None or name in self.behaviour.roles:
            return None
        if name not in self.sets:
            return unknown_name_message(name, self.sets, ends=self.place.entry is not None and self.place.entry.last)
        unbound = [model for model, sets in self.bound.items() if name not in sets]
        if not unbound:
            return None
        return (
            f"the node set {name!r} is not defined for {comma_list(unbound)}; define it in 'models.{unbound[0]}.nodes'"
        )

    def component(self, name: str) -> Iterator[str]:
        """Yield a message for each node of a kind that may not stand here, and for the first that no input reaches."""
        kinds, entry = self.place.kinds, self.place.entry
        if kinds is None:
            return
        for component, shown, is_not in self._behind(name):
            if component not in kinds.components:
                remedy = f"; {kinds.remedies[component]}" if component in kinds.remedies else ""
                yield f"{kinds.about}, but {shown} {is_not}{remedy}"
                continue
            unreached = head_input_problem(component, entry.via) if entry is not None else None
            if entry is not None and unreached is not None:
                how = f"; write which one {entry.spelling}" if entry.via is None else ""
                yield f"{shown}: {unreached}{how}"
                return

    def _behind(self, name: str) -> Iterator[tuple[str, str, str]]:
        """Yield each node behind a name: its component, its spelling in a message, and the objection to it."""
        group, role = parse_group(name), self.behaviour.roles.get(name)
        if parse_node(name) is None and (group is not None or role is not None):
            component = group.component if group is not None else role.component if role is not None else ""
            yield component, repr(name), f"consists of {COMPONENT_PLURALS[component]}"
            return
        bindings = [(f" (in {name!r} of {model})", names(sets.get(name, ()))) for model, sets in self.bound.items()]
        if parse_node(name) is not None:
            bindings = [("", (name,))]
        for where, nodes in bindings:
            for node in nodes:
                parts = parse_node(node)
                if parts is not None:
                    yield parts.component, f"{node!r}{where}", f"is {COMPONENT_NOUNS[parts.component]}"
