"""Validation of the names in one place of a check.

Each name must be defined on every model that the check is for, and must denote nodes of the right kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import NodeNames, names
from mi_checks.spec.edge_order import wrong_input
from mi_checks.spec.named_nodes import Place, not_a_node, placed_names
from mi_checks.spec.node_expressions import parse_group, referenced
from mi_checks.spec.node_names import PLURAL, parse_node
from mi_checks.spec.problems import Problem
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import YamlSource


def claim_problems(
    source: YamlSource, place: Place, behaviour: Behaviour, bound: dict[str, dict[str, NodeNames]]
) -> Iterator[Problem]:
    """Yield the mistakes in the names that stand in one place of a check.

    Args:
        source: the file.
        place: the place, and the kinds of nodes that may stand there.
        behaviour: the behaviour.
        bound: each model that the check is for, with its node sets.
    """
    claim = _Claim(place, behaviour, bound)
    seen: set[str] = set()
    for path, name in placed_names(place.path, place.expression):
        message = f"{name!r} is listed twice" if name in seen else claim.reference(name)
        seen.add(name)
        if message:
            yield source.problem(path, message)
        else:
            yield from (source.problem(path, message) for message in claim.component(name))


@dataclass(frozen=True)
class _Claim:
    place: Place
    behaviour: Behaviour
    bound: dict[str, dict[str, NodeNames]]

    @property
    def sets(self) -> tuple[str, ...]:
        """Return the names of the roles, and of the node sets of all models."""
        sets = (name for model in self.behaviour.models for name in self.behaviour.sets_for(model))
        return tuple(dict.fromkeys((*self.behaviour.roles, *sets)))

    def reference(self, name: str) -> str | None:
        """Return why a name is undefined on at least one model, or None if it is defined on all."""
        return next(filter(None, map(self._unknown, referenced(name))), None)

    def _unknown(self, name: str) -> str | None:
        if parse_node(name) is not None or name in self.behaviour.roles:
            return None
        if name not in self.sets:
            return not_a_node(name, self.sets, ends=self.place.entry is not None and self.place.entry.last)
        unbound = [model for model, sets in self.bound.items() if name not in sets]
        if not unbound:
            return None
        return f"the node set {name!r} is not bound for {listed(unbound)}; bind it in 'models.{unbound[0]}.nodes'"

    def component(self, name: str) -> Iterator[str]:
        """Yield a message for each node of a kind that may not stand here, and for the first that no input reaches."""
        kinds, entry = self.place.kinds, self.place.entry
        if kinds is None:
            return
        for component, shown, is_not in self._behind(name):
            if component not in kinds.components:
                remedy = f"; {kinds.remedies[component]}" if component in kinds.remedies else ""
                yield f"{kinds.about}, and {shown} {is_not}{remedy}"
                continue
            unreached = wrong_input(component, entry.via) if entry is not None else None
            if entry is not None and unreached is not None:
                how = f"; say which {entry.spelling}" if entry.via is None else ""
                yield f"{shown}: {unreached}{how}"
                return

    def _behind(self, name: str) -> Iterator[tuple[str, str, str]]:
        """Yield each node behind a name: its component, its spelling in a message, and the objection to it."""
        group, role = parse_group(name), self.behaviour.roles.get(name)
        if parse_node(name) is None and (group is not None or role is not None):
            component = group.component if group is not None else role.component if role is not None else ""
            yield component, repr(name), f"is of {PLURAL[component]}"
            return
        bindings = [(f" (in {name!r} of {model})", names(sets.get(name, ()))) for model, sets in self.bound.items()]
        if parse_node(name) is not None:
            bindings = [("", (name,))]
        for where, nodes in bindings:
            for node in nodes:
                parts = parse_node(node)
                if parts is not None:
                    yield parts.component, f"{node!r}{where}", "is not one"
