"""What every mutation is: an edit of a model's weights, in words, that says from which layer on it is another model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sized
from dataclasses import replace

from torch import Tensor

from mi_checks.engine.nodes import Node
from mi_checks.engine.transformer import Transformer

ALL = slice(None)


class Mutation(ABC):
    """An edit of weights. Equal mutations are one, so that a model is mutated once for all checks that want it so."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What was done to the model."""

    @abstractmethod
    def since(self, model: Transformer, /) -> int:
        """The first layer that computes otherwise; the number of layers where only the unembedding does."""

    @abstractmethod
    def applied(self, model: Transformer) -> Transformer:
        """The edited model; the one that is given stays as it is."""


class Edited:
    """Weights to edit: a model's own until one is asked for, then a copy of that one."""

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._weights = dict(model.weights)
        self._copied: set[str] = set()

    def edit(self, name: str, change: Callable[[Tensor], None]) -> None:
        """Change a matrix in place, and nothing where the model has none of that name (a bias)."""
        if name in self._weights:
            if name not in self._copied:
                self._weights[name] = self._weights[name].clone()
                self._copied.add(name)
            change(self._weights[name])

    @property
    def model(self) -> Transformer:
        """The model with these weights."""
        return replace(self._model, weights=self._weights)


def zero(weight: Tensor, place: slice = ALL) -> None:
    """Rows, or all of it."""
    weight[place] = 0


def negate(weight: Tensor) -> None:
    """All of it."""
    weight.neg_()


def rows(model: Transformer, head: int) -> slice:
    """Where a head stands among the rows of W_Q, W_K or W_V, or the columns of W_O."""
    return slice(head * model.d_head, (head + 1) * model.d_head)


def heads_of(node: Node, group: int) -> tuple[int, ...]:
    """The heads that a node is part of: of a key or value that a group of heads shares, all of the group."""
    if node.index is None:
        raise ValueError(f"{node} is no head")  # unreachable: mutations of heads are made of heads
    if node.kind in ("k", "v"):
        return tuple(range(node.index * group, (node.index + 1) * group))
    return (node.index,)


def verb(nodes: Sized, word: str) -> str:
    """As one or several do it."""
    return word if len(nodes) > 1 else f"{word}s"


def first_layer(nodes: Iterable[Node]) -> int:
    """Of nodes."""
    return min(node.layer for node in nodes)
