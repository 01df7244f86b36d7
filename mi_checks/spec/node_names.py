"""The syntax of nodes in a behaviour file, such as L1H6, L1H6.k, L0N12, L1.attn, L1.mlp and L1.resid_pre."""

from __future__ import annotations

import re
from dataclasses import dataclass

# [0-9] instead of \d, which matches digits of every script; no leading zeros, so that each node has exactly one name;
# fewer digits than Python refuses to parse.
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
# The plural of each component.
PLURAL = {
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
