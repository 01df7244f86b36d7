"""How large a model is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelShape:
    """How large a model is.

    Attributes:
        n_layers: layers.
        n_heads: query heads of each layer.
        d_mlp: neurons of each layer; None where a layer has no neurons that can be named.
        shared_kv_heads: keys and values of each layer where several heads share one; None where each has its own.
        no_neurons: why the layers' MLPs have no neurons that can be named; "" where they have, and where there are no
            MLPs.
    """

    n_layers: int
    n_heads: int
    d_mlp: int | None
    shared_kv_heads: int | None = None
    no_neurons: str = ""

    @property
    def n_kv_heads(self) -> int:
        """How many keys and values a layer has."""
        return self.shared_kv_heads or self.n_heads

    @property
    def has_mlps(self) -> bool:
        """Whether the layers have MLPs, with neurons or without."""
        return self.d_mlp is not None or bool(self.no_neurons)
