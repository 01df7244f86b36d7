"""How large a model is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ModelShape:
    """How large a model is; `d_mlp` is None for one without MLPs."""

    n_layers: int
    n_heads: int
    d_mlp: int | None
    shared_kv_heads: int | None = None  # where several heads share a key and a value; None: each has its own

    @property
    def n_kv_heads(self) -> int:
        """How many keys and values a layer has."""
        return self.shared_kv_heads or self.n_heads
