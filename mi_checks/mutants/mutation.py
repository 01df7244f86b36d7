"""The base class of mutations: an edit of a model's weights, a clause that describes it, and its first layer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sized
from dataclasses import replace

from torch import Tensor

from mi_checks.engine.nodes import Node
from mi_checks.engine.transformer import Transformer

ALL_ROWS = slice(None)


class Mutation(ABC):
    """An edit of a model's weights. Equal mutations are measured once for all checks that need them."""

    @property
    @abstractmethod
    def description(self) -> str:
        """Return a clause that says how the model was changed."""

    @abstractmethod
    def first_changed_layer(self, model: Transformer, /) -> int:
        """Return the first layer whose output changes; the number of layers if only the unembedding changes."""

    @abstractmethod
    def apply(self, model: Transformer) -> Transformer:
        """Return the edited model, leaving the given one unchanged."""

    def silences(self, _node: Node, /) -> bool:
        """Return whether a node of the edited model writes nothing, whatever its activation is."""
        return False


class WeightEditor:
    """A copy of a model's weights in which each tensor is copied when it is first edited."""

    def __init__(self, model: Transformer) -> None:
        self._model = model
        self._weights = dict(model.weights)
        self._copied: set[str] = set()

    def edit(self, name: str, change: Callable[[Tensor], None]) -> None:
        """Change a tensor in place; do nothing if the model has no such tensor (for example, no bias)."""
        if name in self._weights:
            if name not in self._copied:
                self._weights[name] = self._weights[name].clone()
                self._copied.add(name)
            change(self._weights[name])

    @property
    def model(self) -> Transformer:
        """Return the model with the edited weights."""
        return replace(self._model, weights=self._weights)


def zero(weight: Tensor, place: slice = ALL_ROWS) -> None:
    """Set some rows of a weight, or all of them, to zero."""
    weight[place] = 0


def negate(weight: Tensor) -> None:
    """Negate a weight in place."""
    weight.neg_()


def head_slice(model: Transformer, head: int) -> slice:
    """Return the slice of a head in the rows of W_Q, W_K or W_V, or in the columns of W_O."""
    return slice(head * model.d_head, (head + 1) * model.d_head)


def head_indices(node: Node, group: int) -> tuple[int, ...]:
    """Return the indices of the heads that a node is part of; for a shared key or value, all heads of its group."""
    if node.index is None:
        raise ValueError(f"{node} is not a head")  # unreachable: mutations of heads are only made for heads
    if node.kind in ("k", "v"):
        return tuple(range(node.index * group, (node.index + 1) * group))
    return (node.index,)


def conjugate(nodes: Sized, word: str) -> str:
    """Return a verb in the plural for several nodes, and in the third person singular for one."""
    return word if len(nodes) > 1 else f"{word}s"


def first_layer(nodes: Iterable[Node]) -> int:
    """Return the first layer that any of the nodes is in."""
    return min(node.layer for node in nodes)
