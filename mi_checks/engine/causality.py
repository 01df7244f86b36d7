"""Causal reachability: whether a change at some positions of a run can affect what is read at END."""

from __future__ import annotations

from torch import Tensor

from mi_checks.engine.interventions import Intervention
from mi_checks.engine.layout import Layout
from mi_checks.engine.nodes import Kind, Node


def can_reach_end(intervention: Intervention, node: Node, changed: Tensor, layout: Layout, last: int) -> Tensor:
    """Return for which rows a change of one node can affect the logits at END, whatever the weights are.

    Positions before END are read only by the attention of later layers, keys and values only by the queries of later
    positions, and the first token attends only to itself, whatever its query is.

    Args:
        intervention: the intervention that makes the change; if it has hops, only their receivers see the change.
        node: one of its nodes.
        changed: where the node is changed, `row pos`.
        layout: the layout of the run intervened on.
        last: the index of the last layer.

    Returns:
        Booleans, `row`.
    """
    if not intervention.hops:
        return _read_at_end(_written(node.kind, changed, layout), node.layer, layout, last)
    *inner, final = intervention.hops
    for hop in inner:
        seen = [_written(receiver.kind, changed, layout) for receiver in hop]
        changed = _any(seen)
    return _any([_read_at_end(_written(end.kind, changed, layout), end.layer, layout, last) for end in final])


def _written(kind: Kind, changed: Tensor, layout: Layout) -> Tensor:
    """Return where a node, or the reader of an input, writes differently if it is changed at some positions."""
    behind = (changed.int().cumsum(1) > 0) & layout.real
    several = layout.positions > 0  # attention to a single source is 1, whatever the query and the key
    match kind:
        case "q" | "pattern":
            return changed & several
        case "k":
            return behind & several
        case "v" | "resid_pre":
            return behind
        case _:
            return changed


def _read_at_end(written: Tensor, layer: int, layout: Layout, last: int) -> Tensor:
    """Return whether what is written in a layer (−1: into the stream that the unembedding reads) can be read at END."""
    if 0 <= layer < last:
        return written.any(1)
    return written.gather(1, layout.end[:, None])[:, 0]


def _any(several: list[Tensor]) -> Tensor:
    first, *others = several
    for other in others:
        first = first | other
    return first
