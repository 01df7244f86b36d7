"""The numbers of layers, heads and neurons of a model."""

from __future__ import annotations

from dataclasses import dataclass


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
