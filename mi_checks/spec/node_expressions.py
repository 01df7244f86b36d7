"""Names of several nodes: roles and node sets, which a model binds, and groups such as `all heads except induction`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mi_checks.spec.check import NodeNames, names
from mi_checks.spec.model_shape import ModelShape

_GROUP = re.compile(
    r"(?:all|layer (?P<layer>0|[1-9][0-9]{0,8})) (?P<what>heads|mlps|neurons)"
    r"(?: except (?P<but>(?:(?! except ).)+))?"  # what is excepted excepts nothing itself: nobody could tell from what
)
_COMPONENT = {"heads": "head", "mlps": "mlp", "neurons": "neuron"}
_PLURAL = {component: what for what, component in _COMPONENT.items()}
GROUPS = "groups are written 'all heads', 'layer 0 heads', 'all heads except induction, L0H3' (or mlps, neurons)"


@dataclass(frozen=True)
class Group:
    """All nodes of a component, in one layer or in all, but those that are excepted."""

    component: str
    layer: int | None
    excepted: tuple[str, ...]

    def __str__(self) -> str:
        where = "all" if self.layer is None else f"layer {self.layer}"
        but = f" except {', '.join(self.excepted)}" if self.excepted else ""
        return f"{where} {_PLURAL[self.component]}{but}"

    def nodes(self, shape: ModelShape) -> Iterator[str]:
        """Their names, before any exception."""
        width = {"head": shape.n_heads, "neuron": shape.d_mlp or 0, "mlp": int(shape.has_mlps)}[self.component]
        layers = range(shape.n_layers)
        for layer in layers if self.layer is None else (self.layer,):
            for index in range(width if layer in layers else 0):
                yield f"L{layer}.mlp" if self.component == "mlp" else f"L{layer}{self.component[0].upper()}{index}"


def parse_group(name: str) -> Group | None:
    """The group that a name stands for, or None for what is not one."""
    found = _GROUP.fullmatch(" ".join(name.split()))
    if found is None:
        return None
    layer = None if found["layer"] is None else int(found["layer"])
    excepted = tuple(re.split(r" *, *| and ", found["but"])) if found["but"] else ()
    if not all(excepted):
        return None
    return Group(_COMPONENT[found["what"]], layer, excepted)


def near_groups(name: str) -> Iterator[str]:
    """Groups that a name may have been meant to be: those of the layer that it gives, if it gives one."""
    for what in _COMPONENT:
        yield f"all {what}"
        yield from (f"layer {int(number)} {what}" for number in re.findall("[0-9]{1,9}", name)[:1])


def expanded(expression: NodeNames, bound: Mapping[str, NodeNames], shape: ModelShape) -> tuple[str, ...]:
    """The nodes of an expression in a model, each once for every time that it is named.

    Args:
        expression: names of nodes, roles, node sets or groups.
        bound: the nodes behind roles and node sets.
        shape: how large the model is.
    """
    nodes: list[str] = []
    for name in names(expression):
        group = parse_group(name)
        if group is None:
            nodes += names(bound.get(name, name))
        else:
            out = set(expanded(group.excepted, bound, shape))
            nodes += [node for node in group.nodes(shape) if node not in out]
    return tuple(nodes)


def mentioned(name: str) -> Iterator[str]:
    """A name, and where it is that of a group, those that it excepts."""
    yield name
    group = parse_group(name)
    for other in group.excepted if group is not None else ():
        yield from mentioned(other)


def referenced(name: str) -> tuple[str, ...]:
    """The nodes, roles and node sets in a name: itself, or those that a group excepts."""
    return tuple(part for part in mentioned(name) if parse_group(part) is None)
