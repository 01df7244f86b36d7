"""Mutations of what nodes write: nothing, or the opposite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from mi_checks.engine.nodes import PARTS, Node
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import Edited, Mutation, first_layer, heads_of, negate, rows, verb, zero
from mi_checks.spec.problems import listed

KINDS_WITH_OUTPUT = ("head", *PARTS, "neuron", "attn", "mlp")  # kinds of nodes that have output weights of their own


@dataclass(frozen=True)
class Zeroed(Mutation):
    """Nodes that write nothing: W_O of a head, W_out of a neuron or an MLP, or W_O of a layer is zero.

    Zeroing a query, key, value or pattern zeroes its head, since it matters only through what the head writes.
    """

    nodes: tuple[Node, ...]

    @property
    def words(self) -> str:
        """Return a clause that names the nodes."""
        return f"{listed(self.nodes)} {verb(self.nodes, 'write')} nothing"

    def since(self, _model: Transformer, /) -> int:
        """Return the layer of the first node."""
        return first_layer(self.nodes)

    def applied(self, model: Transformer) -> Transformer:
        """Return the model with output weights set to zero; a bias is zeroed only with a whole layer's output."""
        return _written(model, self.nodes, zero)


@dataclass(frozen=True)
class Turned(Mutation):
    """Nodes that write the opposite: their output weights are negated."""

    nodes: tuple[Node, ...]

    @property
    def words(self) -> str:
        """Return a clause that names the nodes."""
        return f"{listed(self.nodes)} {verb(self.nodes, 'write')} the opposite"

    def since(self, _model: Transformer, /) -> int:
        """Return the layer of the first node."""
        return first_layer(self.nodes)

    def applied(self, model: Transformer) -> Transformer:
        """Return the model with the nodes' output weights negated."""
        return _written(model, self.nodes, negate)


@dataclass(frozen=True)
class Silenced(Mutation):
    """A model in which no head writes anything, so that no information moves from one position to another."""

    @property
    def words(self) -> str:
        """Return a clause that says so."""
        return "no head writes anything"

    def since(self, _model: Transformer, /) -> int:
        """Return 0: every layer computes something else."""
        return 0

    def applied(self, model: Transformer) -> Transformer:
        """Return the model with W_O of every layer set to zero."""
        edited = Edited(model)
        for layer in range(model.n_layers):
            edited.edit(f"blocks.{layer}.attn.o.weight", zero)
        return edited.model


@dataclass(frozen=True)
class LogitsTurned(Mutation):
    """A model whose unembedding and its bias are negated, so that every logit difference changes its sign."""

    @property
    def words(self) -> str:
        """Return a clause that says so."""
        return "all logits are turned round"

    def since(self, model: Transformer, /) -> int:
        """Return the number of layers: only the unembedding computes something else."""
        return model.n_layers

    def applied(self, model: Transformer) -> Transformer:
        """Return the model with W_U and its bias negated."""
        edited = Edited(model)
        for name in ("unembed.weight", "unembed.bias"):
            edited.edit(name, negate)
        return edited.model


def _written(model: Transformer, nodes: tuple[Node, ...], change: Callable[[Tensor], None]) -> Transformer:
    edited = Edited(model)
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
            for head in heads_of(node, model.group):
                slots = rows(model, head)
                columns.setdefault(f"{block}.attn.o.weight", set()).update(range(slots.start, slots.stop))
    for name, chosen in columns.items():
        _change_columns(edited, name, sorted(chosen), change)
    return edited.model


def _change_columns(edited: Edited, name: str, columns: list[int], change: Callable[[Tensor], None]) -> None:
    def of_columns(weight: Tensor) -> None:
        part = weight[:, columns]
        change(part)
        weight[:, columns] = part

    edited.edit(name, of_columns)
