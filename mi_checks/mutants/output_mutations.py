"""What nodes write: nothing any more, or the opposite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from mi_checks.engine.nodes import PARTS, Node
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import Edited, Mutation, first_layer, heads_of, negate, rows, verb, zero
from mi_checks.spec.words import listed

WRITING = ("head", *PARTS, "neuron", "attn", "mlp")  # nodes whose output weights are their own


@dataclass(frozen=True)
class Zeroed(Mutation):
    """Nodes write nothing: the slice of W_O of a head, W_out of a neuron or an MLP, W_O of a layer are zero.

    A head stands for its parts, which matter only by what it writes.
    """

    nodes: tuple[Node, ...]

    @property
    def words(self) -> str:
        """Which."""
        return f"{listed(self.nodes)} {verb(self.nodes, 'write')} nothing"

    def since(self, _model: Transformer, /) -> int:
        """That of the first node."""
        return first_layer(self.nodes)

    def applied(self, model: Transformer) -> Transformer:
        """Output weights set to zero; the bias of W_O is no head's, and goes only with the whole layer's output."""
        return _written(model, self.nodes, zero)


@dataclass(frozen=True)
class Turned(Mutation):
    """Nodes write the opposite: the same output weights, negated."""

    nodes: tuple[Node, ...]

    @property
    def words(self) -> str:
        """Which."""
        return f"{listed(self.nodes)} {verb(self.nodes, 'write')} the opposite"

    def since(self, _model: Transformer, /) -> int:
        """That of the first node."""
        return first_layer(self.nodes)

    def applied(self, model: Transformer) -> Transformer:
        """Output weights negated."""
        return _written(model, self.nodes, negate)


@dataclass(frozen=True)
class Silenced(Mutation):
    """No head of any layer writes anything, so that nothing passes from one position to another."""

    @property
    def words(self) -> str:
        """That."""
        return "no head writes anything"

    def since(self, _model: Transformer, /) -> int:
        """All of it."""
        return 0

    def applied(self, model: Transformer) -> Transformer:
        """W_O of every layer set to zero."""
        edited = Edited(model)
        for layer in range(model.n_layers):
            edited.edit(f"blocks.{layer}.attn.o.weight", zero)
        return edited.model


@dataclass(frozen=True)
class LogitsTurned(Mutation):
    """The unembedding and its bias are negated: what was preferred is preferred against."""

    @property
    def words(self) -> str:
        """That."""
        return "all logits are turned round"

    def since(self, model: Transformer, /) -> int:
        """After all layers."""
        return model.n_layers

    def applied(self, model: Transformer) -> Transformer:
        """W_U and its bias negated."""
        edited = Edited(model)
        for name in ("unembed.weight", "unembed.bias"):
            edited.edit(name, negate)
        return edited.model


def _written(model: Transformer, nodes: tuple[Node, ...], change: Callable[[Tensor], None]) -> Transformer:
    edited = Edited(model)
    columns: dict[str, set[int]] = {}  # each once: a head may be named by several of its parts
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
