"""The nodes one check is about: that they exist on each model it is for, are of its kind, and are each named once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.spec.behaviour import Attention, Behaviour, Check, Mediators, NodeNames, names
from mi_checks.spec.check_refs import present_models
from mi_checks.spec.named_nodes import node_sets, not_a_node, placed_names
from mi_checks.spec.node_names import PLURAL, parse_node
from mi_checks.spec.problems import Problem
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys, YamlSource


def claim_problems(
    source: YamlSource, check: Check, path: Keys, expression: NodeNames, behaviour: Behaviour
) -> Iterator[Problem]:
    """What is wrong with the nodes of a check, which stand at `path`."""
    models = [model for model in present_models(behaviour) if behaviour.claims(check, model)]
    bound = {model: node_sets(behaviour, model) for model in models}
    everywhere = dict.fromkeys(name for model in behaviour.models for name in node_sets(behaviour, model))
    claim = _Claim(check, expression, bound, tuple(everywhere))
    seen: set[str] = set()
    for place, name in placed_names(path, expression):
        message = f"{name!r} is listed twice" if name in seen else claim.reference(name)
        seen.add(name)
        if message:
            yield source.problem(place, message)
        else:
            yield from (source.problem(place, message) for message in claim.component(name))
    if not names(expression) and not claim.may_be_empty:
        yield source.problem(path, "no node is named")
    yield from (source.problem(path, message) for message in claim.expanded())


@dataclass(frozen=True)
class _Claim:
    check: Check
    expression: NodeNames
    bound: dict[str, dict[str, NodeNames]]  # each model the check is for → its node sets
    sets: tuple[str, ...]  # the node sets of all models

    @property
    def may_be_empty(self) -> bool:
        return isinstance(self.check, Mediators) and self.check.exactly is not None  # "no node mediates" is a claim

    def reference(self, name: str) -> str | None:
        """Why a name means nothing, on some model at least."""
        if parse_node(name) is not None:
            return None
        if name not in self.sets:
            return not_a_node(name, self.sets)
        unbound = [model for model, sets in self.bound.items() if name not in sets]
        if not unbound:
            return None
        return f"the node set {name!r} is not bound for {listed(unbound)}; bind it in 'models.{unbound[0]}.nodes'"

    def component(self, name: str) -> Iterator[str]:
        """The nodes behind a name that are not of the kind that the check measures."""
        if isinstance(self.check, Attention):
            wanted = "head"
        elif isinstance(self.check, Mediators):
            wanted = self.check.component
        else:
            return
        bindings = [(f" (in {name!r} of {model})", names(sets.get(name, ()))) for model, sets in self.bound.items()]
        if parse_node(name) is not None:
            bindings = [("", (name,))]
        for where, nodes in bindings:
            for node in nodes:
                parts = parse_node(node)
                if parts is not None and parts.component != wanted:
                    yield f"{self.check.kind} is about {PLURAL[wanted]} here, and {node!r}{where} is not one"

    def expanded(self) -> Iterator[str]:
        """A check acts on its nodes together, so on each model they must be some, and each once."""
        for model, sets in self.bound.items():
            owners: dict[str, str] = {}
            for name in dict.fromkeys(names(self.expression)):
                for node in dict.fromkeys(names(sets.get(name, name))):
                    if node in owners:
                        yield f"for {model}, {node!r} is named twice: by {owners[node]!r} and by {name!r}"
                    owners[node] = name
            if names(self.expression) and not owners and not self.may_be_empty:
                yield f"no node is named for {model}, where {listed(names(self.expression))} is empty"
