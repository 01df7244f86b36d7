"""The syntax of nodes (L1H6, L1H6.k, L0N12, L1.mlp) and of groups (`all heads except L0H3`); a model's shape."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mi_checks.spec.check import NodeNames, names

# [0-9] instead of \d, which matches digits of every script; no leading zeros, so that each node has exactly one name;
# fewer digits than Python refuses to parse.
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
_NODE = re.compile(
    rf"L(?P<layer>{_NUMBER})(?:"
    rf"H(?P<head>{_NUMBER})(?:\.(?P<part>q|k|v|pattern))?"
    rf"|N(?P<neuron>{_NUMBER})"
    r"|\.(?P<stream>attn|mlp|resid_pre|resid_mid|resid_post))"
)
NODE_SYNTAX = (
    "nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
    "L1.resid_pre, L1.resid_mid, L1.resid_post"
)
# The components, as messages name a single node.
COMPONENT_NOUNS = {
    "head": "a head", "q": "the queries of a head", "k": "the keys of a head", "v": "the values of a head",
    "pattern": "the attention pattern of a head", "neuron": "a neuron", "attn": "an attention layer",
    "mlp": "an MLP layer", "resid_pre": "a residual stream", "resid_mid": "a residual stream",
    "resid_post": "a residual stream",
}  # fmt: skip
# The plural of each component.
COMPONENT_PLURALS = {
    "head": "heads", "q": "queries", "k": "keys", "v": "values", "pattern": "patterns",
    "neuron": "neurons", "mlp": "MLP layers",
}  # fmt: skip


@dataclass(frozen=True)
class NodeName:
    """The parts of a node's name."""

    layer: int
    component: str  # "head", "q", "k", "v", "pattern", "neuron", "attn", "mlp", "resid_pre", "resid_mid", "resid_post"
    index: int | None  # of the head or neuron


def parse_node(name: str) -> NodeName | None:
    """Return the parts of a node's name, or None if the text is not one."""
    match = _NODE.fullmatch(name)
    if match is None:
        return None
    layer = int(match["layer"])
    if match["stream"]:
        return NodeName(layer, match["stream"], None)
    if match["neuron"]:
        return NodeName(layer, "neuron", int(match["neuron"]))
    return NodeName(layer, match["part"] or "head", int(match["head"]))


@dataclass(frozen=True)
class ModelShape:
    """The numbers of layers, heads and neurons of a model.

    Attributes:
        n_layers: the number of layers.
        n_heads: the number of query heads in each layer.
        d_mlp: the number of neurons in each layer; None if the layers have no neurons that can be named.
        shared_kv_heads: the number of key and value heads in each layer if query heads share them; None if each query
            head has its own.
        no_neurons: why the MLPs have no neurons that can be named; "" if they have, and if there are no MLPs.
    """

    n_layers: int
    n_heads: int
    d_mlp: int | None
    shared_kv_heads: int | None = None
    no_neurons: str = ""

    @property
    def n_kv_heads(self) -> int:
        """Return the number of key and value heads in each layer."""
        return self.shared_kv_heads or self.n_heads

    @property
    def has_mlps(self) -> bool:
        """Return whether the layers have MLPs, with or without neurons that can be named."""
        return self.d_mlp is not None or bool(self.no_neurons)


_GROUP = re.compile(
    r"(?:all|layer (?P<layer>0|[1-9][0-9]{0,8})) (?P<what>heads|mlps|neurons)"
    r"(?: except (?P<but>(?:(?! except ).)+))?"  # no nested `except`, which would be ambiguous
)
_COMPONENT = {"heads": "head", "mlps": "mlp", "neurons": "neuron"}
_PLURAL = {component: what for what, component in _COMPONENT.items()}
GROUP_SYNTAX = "groups are written 'all heads', 'layer 0 heads', 'all heads except induction, L0H3' (or mlps, neurons)"


@dataclass(frozen=True)
class NodeGroup:
    """All nodes of a component, in one layer or in all, minus the exceptions."""

    component: str
    layer: int | None
    exceptions: tuple[str, ...]

    def __str__(self) -> str:
        where = "all" if self.layer is None else f"layer {self.layer}"
        but = f" except {', '.join(self.exceptions)}" if self.exceptions else ""
        return f"{where} {_PLURAL[self.component]}{but}"

    def nodes(self, shape: ModelShape) -> Iterator[str]:
        """Yield the names of the group's nodes in a model of this shape, including the exceptions."""
        width = {"head": shape.n_heads, "neuron": shape.d_mlp or 0, "mlp": int(shape.has_mlps)}[self.component]
        layers = range(shape.n_layers)
        for layer in layers if self.layer is None else (self.layer,):
            for index in range(width if layer in layers else 0):
                yield f"L{layer}.mlp" if self.component == "mlp" else f"L{layer}{self.component[0].upper()}{index}"


def parse_group(name: str) -> NodeGroup | None:
    """Return the group that a name denotes, or None if it does not denote one."""
    match = _GROUP.fullmatch(" ".join(name.split()))
    if match is None:
        return None
    layer = None if match["layer"] is None else int(match["layer"])
    excepted = tuple(re.split(r" *, *| and ", match["but"])) if match["but"] else ()
    if not all(excepted):
        return None
    return NodeGroup(_COMPONENT[match["what"]], layer, excepted)


def similar_groups(name: str) -> Iterator[str]:
    """Yield groups that an unknown name may have been meant to be, with the layer number in it if it has one."""
    for what in _COMPONENT:
        yield f"all {what}"
        yield from (f"layer {int(number)} {what}" for number in re.findall("[0-9]{1,9}", name)[:1])


def expand_nodes(expression: NodeNames, bound: Mapping[str, NodeNames], shape: ModelShape) -> tuple[str, ...]:
    """Return the nodes of an expression in a model, repeated if the expression names them repeatedly.

    Args:
        expression: names of nodes, roles, node sets or groups.
        bound: the nodes of each role and node set.
        shape: the model's shape.
    """
    nodes: list[str] = []
    for name in names(expression):
        group = parse_group(name)
        if group is None:
            nodes += names(bound.get(name, name))
        else:
            out = set(expand_nodes(group.exceptions, bound, shape))
            nodes += [node for node in group.nodes(shape) if node not in out]
    return tuple(nodes)


def names_inside(name: str) -> Iterator[str]:
    """Yield a name, followed by the names that it excepts if it is a group's."""
    yield name
    group = parse_group(name)
    for other in group.exceptions if group is not None else ():
        yield from names_inside(other)


def leaf_names(name: str) -> tuple[str, ...]:
    """Return the nodes, roles and node sets in a name: the name itself, or the exceptions of a group."""
    return tuple(part for part in names_inside(name) if parse_group(part) is None)
