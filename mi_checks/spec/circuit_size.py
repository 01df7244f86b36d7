"""A test for circuits that comprise the whole model, which leave nothing to ablate and so nothing to compare with.

All names here are names of single nodes. If a behaviour has roles, the code that measures it tests again once they are
bound.
"""

from __future__ import annotations

from collections.abc import Iterable

from mi_checks.spec.circuit_checks import Among
from mi_checks.spec.edges import EdgeName
from mi_checks.spec.model_shape import ModelShape

_NO_NULL = "with nothing ablated there is nothing to compare it with"


def whole_model(nodes: Iterable[str], among: Among, shape: ModelShape) -> str | None:
    """Return why a circuit of these nodes is not testable if it has every node that could be ablated, or None."""
    heads, mlps = _universe(among, shape)
    left_out = {*heads, *mlps}.difference(nodes)
    return None if left_out else f"the circuit is {_all(among, shape)}: {_NO_NULL}"


def whole_graph(edges: Iterable[EdgeName], among: Among, shape: ModelShape) -> str | None:
    """Return why a circuit of these edges is not testable if it has every edge between single nodes, or None."""
    heads, mlps = shape.n_heads, int(among == "heads_and_mlps" and shape.has_mlps)
    earlier = sum(layer * (heads + mlps) for layer in range(shape.n_layers))
    into_heads = 3 * heads * earlier  # by q, k and v
    into_mlps = mlps * (earlier + shape.n_layers * heads)  # their own layers' heads come before them
    into_logits = shape.n_layers * (heads + mlps)
    if len(set(edges)) < into_heads + into_mlps + into_logits:
        return None
    return f"the circuit is all edges between {_all(among, shape)}: {_NO_NULL}"


def _universe(among: Among, shape: ModelShape) -> tuple[list[str], list[str]]:
    layers = range(shape.n_layers)
    heads = [f"L{layer}H{head}" for layer in layers for head in range(shape.n_heads)]
    return heads, [f"L{layer}.mlp" for layer in layers if among == "heads_and_mlps" and shape.has_mlps]


def _all(among: Among, shape: ModelShape) -> str:
    heads, mlps = _universe(among, shape)
    return f"all {len(heads)} heads" + (f" and {len(mlps)} MLP layers" if mlps else "")
