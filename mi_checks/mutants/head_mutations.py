"""Mutations of heads: exchanged with another head of their layer, or attending uniformly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from mi_checks.engine.nodes import Node
from mi_checks.engine.transformer import Transformer
from mi_checks.mutants.mutation import Edited, Mutation, first_layer, heads_of, rows, verb, zero
from mi_checks.spec.problems import listed


@dataclass(frozen=True)
class Exchanged(Mutation):
    """Pairs of heads of one layer that change places: the model computes the same, with other heads.

    Where several heads share a key and a value, only heads of one such group can change places.

    Attributes:
        pairs: each claimed head with the head whose place it takes.
        staying: claimed heads for which there was no partner.
    """

    pairs: tuple[tuple[Node, Node], ...]
    staying: tuple[Node, ...] = ()

    @property
    def words(self) -> str:
        """Return a clause that names the heads of each pair."""
        own, others = zip(*self.pairs, strict=True)
        left = f" ({listed(self.staying)} had no other to change places with)" if self.staying else ""
        return f"{listed(own)} changed places with {listed(others)}{left}"

    def since(self, _model: Transformer, /) -> int:
        """Return the layer of the first pair."""
        return first_layer(node for pair in self.pairs for node in pair)

    def applied(self, model: Transformer) -> Transformer:
        """Return the model with exchanged rows of W_Q, W_K, W_V, biases, and columns of W_O (not shared W_K, W_V)."""
        edited = Edited(model)
        kinds = ("q", "k", "v") if model.group == 1 else ("q",)
        for one, other in self.pairs:
            swap = partial(_swap, one=rows(model, int(one.index or 0)), other=rows(model, int(other.index or 0)))
            attention = f"blocks.{one.layer}.attn"
            for kind in kinds:
                for part in ("weight", "bias"):
                    edited.edit(f"{attention}.{kind}.{part}", swap)
            edited.edit(f"{attention}.o.weight", partial(_swap_columns, swap=swap))
        return edited.model

    def renamed(self, node: Node) -> Node:
        """Return the head of the unmutated model that computes what this head computes in the mutated model."""
        to = {**dict(self.pairs), **{other: one for one, other in self.pairs}}
        return to.get(node, node)


@dataclass(frozen=True)
class Blinded(Mutation):
    """Heads that attend uniformly: their queries are zero."""

    heads: tuple[Node, ...]

    @property
    def words(self) -> str:
        """Return a clause that names the heads."""
        return f"{listed(self.heads)} {verb(self.heads, 'attend')} to everything alike"

    def since(self, _model: Transformer, /) -> int:
        """Return the layer of the first head."""
        return first_layer(self.heads)

    def applied(self, model: Transformer) -> Transformer:
        """Return the model with the heads' rows of W_Q and of its bias set to zero."""
        edited = Edited(model)
        for node in self.heads:
            for head in heads_of(node, model.group):
                for part in ("weight", "bias"):
                    edited.edit(f"blocks.{node.layer}.attn.q.{part}", partial(zero, place=rows(model, head)))
        return edited.model


def _swap(weight: Tensor, one: slice, other: slice) -> None:
    old = weight[one].clone()
    weight[one] = weight[other]
    weight[other] = old


def _swap_columns(weight: Tensor, swap: Callable[[Tensor], None]) -> None:
    swap(weight.T)
