"""The nodes one check is about: that they exist on each model it is for, are of its kind, and are each named once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import Check, NodeNames, names
from mi_checks.spec.check_refs import present_models
from mi_checks.spec.named_nodes import Place, not_a_node, placed_names
from mi_checks.spec.node_checks import Mediators
from mi_checks.spec.node_expressions import parse_group, referenced
from mi_checks.spec.node_names import parse_node
from mi_checks.spec.problems import Problem
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import YamlSource


def claim_problems(source: YamlSource, check: Check, place: Place, behaviour: Behaviour) -> Iterator[Problem]:
    """What is wrong with the nodes that stand at one place of a check."""
    models = [model for model in present_models(behaviour) if behaviour.claims(check, model)]
    claim = _Claim(check, place, behaviour, {model: behaviour.sets_for(model) for model in models})
    seen: set[str] = set()
    for path, name in placed_names(place.path, place.expression):
        message = f"{name!r} is listed twice" if name in seen else claim.reference(name)
        seen.add(name)
        if message:
            yield source.problem(path, message)
        else:
            yield from (source.problem(path, message) for message in claim.component(name))
    if not names(place.expression) and not claim.may_be_empty:
        yield source.problem(place.path, "no node is named")
    yield from (source.problem(place.path, message) for message in claim.expanded())


@dataclass(frozen=True)
class _Claim:
    check: Check
    place: Place
    behaviour: Behaviour
    bound: dict[str, dict[str, NodeNames]]  # each model the check is for → its node sets

    @property
    def sets(self) -> tuple[str, ...]:
        """The roles, and the node sets of all models."""
        sets = (name for model in self.behaviour.models for name in self.behaviour.sets_for(model))
        return tuple(dict.fromkeys((*self.behaviour.roles, *sets)))

    @property
    def may_be_empty(self) -> bool:
        return isinstance(self.check, Mediators) and self.check.exactly is not None  # "no node mediates" is a claim

    def reference(self, name: str) -> str | None:
        """Why a name means nothing, on some model at least."""
        return next(filter(None, map(self._unknown, referenced(name))), None)

    def _unknown(self, name: str) -> str | None:
        if parse_node(name) is not None or name in self.behaviour.roles:
            return None
        if name not in self.sets:
            return not_a_node(name, self.sets)
        unbound = [model for model, sets in self.bound.items() if name not in sets]
        if not unbound:
            return None
        return f"the node set {name!r} is not bound for {listed(unbound)}; bind it in 'models.{unbound[0]}.nodes'"

    def component(self, name: str) -> Iterator[str]:
        """The nodes behind a name that are not of a kind that may stand here."""
        if self.place.components is None:
            return
        about = f"{self.check.kind} is about {self.place.what} here"
        group, role = parse_group(name), self.behaviour.roles.get(name)
        of_all = group.component if group is not None else role.component if role is not None else None
        if of_all is not None:
            if of_all not in self.place.components:
                yield f"{about}, and those of {name!r} are none"
            return
        bindings = [(f" (in {name!r} of {model})", names(sets.get(name, ()))) for model, sets in self.bound.items()]
        if parse_node(name) is not None:
            bindings = [("", (name,))]
        for where, nodes in bindings:
            for node in nodes:
                parts = parse_node(node)
                if parts is not None and parts.component not in self.place.components:
                    yield f"{about}, and {node!r}{where} is not one"

    def expanded(self) -> Iterator[str]:
        """A check acts on its nodes together, so on each model they must be some, and each once."""
        expression = names(self.place.expression)
        for model, sets in self.bound.items():
            owners: dict[str, str] = {}
            for name in dict.fromkeys(expression):
                for node in dict.fromkeys(names(sets.get(name, name))):
                    if node in owners:
                        yield f"for {model}, {node!r} is named twice: by {owners[node]!r} and by {name!r}"
                    owners[node] = name
            if expression and not owners and not self.may_be_empty:
                yield f"no node is named for {model}, where {listed(expression)} is empty"
