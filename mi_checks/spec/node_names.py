"""How nodes are written in a behaviour file: L1H6, L1H6.k, L0N12, L1.attn, L1.mlp, L1.resid_pre, …"""

from __future__ import annotations

import re
from dataclasses import dataclass

# [0-9] and not \d, which takes the digits of every script; no leading zeros, so that a node has one name; not so many
# digits that Python refuses to read them.
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
_NODE = re.compile(
    rf"L(?P<layer>{_NUMBER})(?:"
    rf"H(?P<head>{_NUMBER})(?:\.(?P<part>q|k|v|pattern))?"
    rf"|N(?P<neuron>{_NUMBER})"
    r"|\.(?P<stream>attn|mlp|resid_pre|resid_mid|resid_post))"
)
SPELLING = (
    "nodes are written L1H6 (head), L1H6.q (its queries; k, v, pattern likewise), L0N12 (neuron), L1.attn, L1.mlp, "
    "L1.resid_pre, L1.resid_mid, L1.resid_post"
)
# What a component is called when there are several.
PLURAL = {
    "head": "heads", "q": "queries", "k": "keys", "v": "values", "pattern": "patterns",
    "neuron": "neurons", "mlp": "MLP layers",
}  # fmt: skip


@dataclass(frozen=True)
class NodeName:
    """A node name taken apart."""

    layer: int
    component: str  # "head", "q", "k", "v", "pattern", "neuron", "attn", "mlp", "resid_pre", "resid_mid", "resid_post"
    index: int | None  # of the head or neuron


def parse_node(name: str) -> NodeName | None:
    """The parts of a node name, or None for what is not one."""
    found = _NODE.fullmatch(name)
    if found is None:
        return None
    layer = int(found["layer"])
    if found["stream"]:
        return NodeName(layer, found["stream"], None)
    if found["neuron"]:
        return NodeName(layer, "neuron", int(found["neuron"]))
    return NodeName(layer, found["part"] or "head", int(found["head"]))
