"""Nodes: the components of a model that a claim can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, cast

from mi_checks.spec import node_names
from mi_checks.spec.node_names import ModelShape

Kind = Literal[
    "head", "q", "k", "v", "pattern", "neuron", "attn", "mlp", "resid_pre", "resid_mid", "resid_post", "logits"
]

Component = Literal["head", "q", "k", "v", "pattern", "neuron"]  # the kinds that a layer has several of

# Where each kind is intervened on in a TransformerBridge. Heads and neurons are taken where they enter the residual
# stream linearly: z before W_O (so that patching z is the same as patching the head's output), and the neuron's value
# just before W_out (after SoLU's layer norm). Queries and keys are taken before any rotary embedding.
HOOK_NAMES: dict[Kind, str] = {
    "head": "blocks.{}.attn.hook_z",
    "q": "blocks.{}.attn.hook_q",
    "k": "blocks.{}.attn.hook_k",
    "v": "blocks.{}.attn.hook_v",
    "pattern": "blocks.{}.attn.hook_pattern",
    "neuron": "blocks.{}.mlp.hook_post",
    "attn": "blocks.{}.hook_attn_out",
    "mlp": "blocks.{}.hook_mlp_out",
    "resid_pre": "blocks.{}.hook_resid_pre",
    "resid_mid": "blocks.{}.hook_resid_mid",
    "resid_post": "blocks.{}.hook_resid_post",
}
HEAD_PARTS = ("q", "k", "v", "pattern")  # parts of a head


@dataclass(frozen=True, order=True)
class Node:
    """A component of a model that a claim can name.

    It is a head (`L1H6`), its query, key, value or pattern (`L1H6.k`), an MLP neuron (`L0N123`), or a layer's output
    (`L1.attn`, `L1.mlp`) or residual stream. Keys and values are numbered as in the model: if several heads share one,
    its index is that of the group.
    """

    layer: int
    kind: Kind
    index: int | None = None

    @property
    def hook(self) -> str:
        """Return the name of the TransformerBridge hook point of this node's activation."""
        return HOOK_NAMES[self.kind].format(self.layer)

    def __str__(self) -> str:
        if self.kind == "head":
            return f"L{self.layer}H{self.index}"
        if self.kind in HEAD_PARTS:
            return f"L{self.layer}H{self.index}.{self.kind}"
        if self.kind == "logits":
            return self.kind
        return f"L{self.layer}N{self.index}" if self.kind == "neuron" else f"L{self.layer}.{self.kind}"


def parse_node(name: str) -> Node:
    """Return the node that a name stands for.

    Raises:
        ValueError: the text is not the name of a node; behaviour files are checked for this when they are loaded.
    """
    read = node_names.parse_node(name)
    if read is None:
        raise ValueError(f"{name!r} is not a node; {node_names.NODE_SYNTAX}")
    return Node(read.layer, cast("Kind", read.component), read.index)


LOGITS = Node(-1, "logits")  # the unembedding's input, as the end of a path


def all_nodes(component: Component, shape: ModelShape, layers: tuple[int, ...] | None = None) -> list[Node]:
    """Return every node of a component, layer by layer; negative numbers in `layers` count from the last layer."""
    width = {"neuron": shape.d_mlp or 0, "k": shape.n_kv_heads, "v": shape.n_kv_heads}.get(component, shape.n_heads)
    chosen = range(shape.n_layers) if layers is None else sorted({layer % shape.n_layers for layer in layers})
    return [Node(layer, component, index) for layer in chosen for index in range(width)]
