"""Mutations of nodes: nodes that write nothing or the opposite, exchanged heads, heads that attend uniformly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor

from mi_checks.engine.nodes import HEAD_PARTS, Node
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import (
    Mutation,
    WeightEditor,
    conjugate,
    first_layer,
    head_indices,
    head_slice,
    negate,
    zero,
)
from mi_checks.spec.problems import comma_list

# Kinds of nodes that have output weights of their own.
KINDS_WITH_OUTPUT = (
    "head",
    *HEAD_PARTS,
    "neuron",
    "attn",
    "mlp",
)


@dataclass(frozen=True)
class ZeroedNodes(Mutation):
    """Nodes that write nothing: W_O of a head, W_out of a neuron or an MLP, or W_O of a layer is zero.

    Zeroing a query, key, value or pattern zeroes its head, since it matters only through what the head writes.
    """

    nodes: tuple[Node, ...]

    @property
    def description(self) -> str:
        """Return a clause that names the nodes."""
        return f"{comma_list(self.nodes)} {conjugate(self.nodes, 'write')} nothing"

    def first_changed_layer(self, _model: Transformer, /) -> int:
        """Return the layer of the first node."""
        return first_layer(self.nodes)

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with output weights set to zero; a bias is zeroed only with a whole layer's output."""
        return _with_changed_outputs(model, self.nodes, zero)

    def silences(self, node: Node, /) -> bool:
        """Return whether it is one of the nodes."""
        return node in self.nodes


@dataclass(frozen=True)
class NegatedNodes(Mutation):
    """Nodes that write the opposite: their output weights are negated."""

    nodes: tuple[Node, ...]

    @property
    def description(self) -> str:
        """Return a clause that names the nodes."""
        return f"{comma_list(self.nodes)} {conjugate(self.nodes, 'write')} the opposite"

    def first_changed_layer(self, _model: Transformer, /) -> int:
        """Return the layer of the first node."""
        return first_layer(self.nodes)

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with the nodes' output weights negated."""
        return _with_changed_outputs(model, self.nodes, negate)


@dataclass(frozen=True)
class SilencedHeads(Mutation):
    """A model in which no head writes anything, so that no information moves from one position to another."""

    @property
    def description(self) -> str:
        """Return a clause that says so."""
        return "no head writes anything"

    def first_changed_layer(self, _model: Transformer, /) -> int:
        """Return 0: every layer computes something else."""
        return 0

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with W_O of every layer set to zero."""
        edited = WeightEditor(model)
        for layer in range(model.n_layers):
            edited.edit(f"blocks.{layer}.attn.o.weight", zero)
        return edited.model

    def silences(self, node: Node, /) -> bool:
        """Return whether it is a head or a part of one; an attention layer still writes its bias."""
        return node.kind in ("head", *HEAD_PARTS)


@dataclass(frozen=True)
class NegatedLogits(Mutation):
    """A model whose unembedding and its bias are negated, so that every logit difference changes its sign."""

    @property
    def description(self) -> str:
        """Return a clause that says so."""
        return "all logits are negated"

    def first_changed_layer(self, model: Transformer, /) -> int:
        """Return the number of layers: only the unembedding computes something else."""
        return model.n_layers

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with W_U and its bias negated."""
        edited = WeightEditor(model)
        for name in ("unembed.weight", "unembed.bias"):
            edited.edit(name, negate)
        return edited.model


def _with_changed_outputs(model: Transformer, nodes: tuple[Node, ...], change: Callable[[Tensor], None]) -> Transformer:
    edited = WeightEditor(model)
    columns: dict[str, set[int]] = {}  # as sets, because a head may be named by several of its parts
    for node in nodes:
        block = f"blocks.{node.layer}"
        if node.kind == "neuron":
            columns.setdefault(f"{block}.mlp.out.weight", set()).add(int(node.index or 0))
        elif node.kind in ("attn", "mlp"):
            matrix = f"{block}.attn.o" if node.kind == "attn" else f"{block}.mlp.out"
            for part in ("weight", "bias"):
                edited.edit(f"{matrix}.{part}", change)
        else:
            for head in head_indices(node, model.queries_per_key):
                slots = head_slice(model, head)
                columns.setdefault(f"{block}.attn.o.weight", set()).update(range(slots.start, slots.stop))
    for name, chosen in columns.items():
        _change_columns(edited, name, sorted(chosen), change)
    return edited.model


def _change_columns(edited: WeightEditor, name: str, columns: list[int], change: Callable[[Tensor], None]) -> None:
    def of_columns(weight: Tensor) -> None:
        part = weight[:, columns]
        change(part)
        weight[:, columns] = part

    edited.edit(name, of_columns)


@dataclass(frozen=True)
class ExchangedHeads(Mutation):
    """Pairs of heads of one layer that change places: the model computes the same, with other heads.

    Where several heads share a key and a value, only heads of one such group can change places.

    Attributes:
        pairs: each claimed head with the head whose place it takes.
        staying: claimed heads for which there was no partner.
    """

    pairs: tuple[tuple[Node, Node], ...]
    staying: tuple[Node, ...] = ()

    @property
    def description(self) -> str:
        """Return a clause that names the heads of each pair."""
        own, others = zip(*self.pairs, strict=True)
        left = f" ({comma_list(self.staying)} found no partner)" if self.staying else ""
        return f"{comma_list(own)} changed places with {comma_list(others)}{left}"

    def first_changed_layer(self, _model: Transformer, /) -> int:
        """Return the layer of the first pair."""
        return first_layer(node for pair in self.pairs for node in pair)

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with exchanged rows of W_Q, W_K, W_V, biases, and columns of W_O (not shared W_K, W_V)."""
        edited = WeightEditor(model)
        kinds = ("q", "k", "v") if model.queries_per_key == 1 else ("q",)
        for one, other in self.pairs:
            swap = partial(
                _swap, one=head_slice(model, int(one.index or 0)), other=head_slice(model, int(other.index or 0))
            )
            attention = f"blocks.{one.layer}.attn"
            for kind in kinds:
                for part in ("weight", "bias"):
                    edited.edit(f"{attention}.{kind}.{part}", swap)
            edited.edit(f"{attention}.o.weight", partial(_swap_columns, swap=swap))
        return edited.model

    def renamed(self, node: Node, heads_per_key: int) -> Node:
        """Return the node of the unmutated model that computes what this node computes in the mutated model.

        Args:
            node: any node; only heads and their parts are renamed.
            heads_per_key: the number of heads that share a key. Keys that are shared stay where they are.
        """
        moves = node.kind in ("head", "q", "pattern") or (node.kind in ("k", "v") and heads_per_key == 1)
        if not moves:
            return node
        to = {**dict(self.pairs), **{other: one for one, other in self.pairs}}
        head = Node(node.layer, "head", node.index)
        return replace(node, index=to.get(head, head).index)


@dataclass(frozen=True)
class UniformHeads(Mutation):
    """Heads that attend uniformly: their queries are zero."""

    heads: tuple[Node, ...]

    @property
    def description(self) -> str:
        """Return a clause that names the heads."""
        return f"{comma_list(self.heads)} {conjugate(self.heads, 'attend')} uniformly"

    def first_changed_layer(self, _model: Transformer, /) -> int:
        """Return the layer of the first head."""
        return first_layer(self.heads)

    def apply(self, model: Transformer) -> Transformer:
        """Return the model with the heads' rows of W_Q and of its bias set to zero."""
        edited = WeightEditor(model)
        for node in self.heads:
            for head in head_indices(node, model.queries_per_key):
                for part in ("weight", "bias"):
                    edited.edit(f"blocks.{node.layer}.attn.q.{part}", partial(zero, place=head_slice(model, head)))
        return edited.model


def _swap(weight: Tensor, one: slice, other: slice) -> None:
    old = weight[one].clone()
    weight[one] = weight[other]
    weight[other] = old


def _swap_columns(weight: Tensor, swap: Callable[[Tensor], None]) -> None:
    swap(weight.T)
