"""The choice of heads with which claimed heads change places: heads of their layer that matter least to the claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.engine.composition import InputFraction
from mi_checks.engine.nodes import HEAD_PARTS, Node, all_nodes
from mi_checks.mutants.mutation import head_indices
from mi_checks.mutants.node_mutations import ExchangedHeads
from mi_checks.spec.node_names import ModelShape
from mi_checks.spec.path_checks import ComposesCheck

Rank = Callable[[Node], float | None]  # head → its importance to the claim; None if it must not be chosen


def heads_among(nodes: Iterable[Node], shape: ModelShape) -> tuple[Node, ...]:
    """Return the heads among nodes, and the heads that nodes are parts of, without duplicates."""
    heads = [
        Node(node.layer, "head", head)
        for node in nodes
        if node.kind in ("head", *HEAD_PARTS)
        for head in head_indices(node, group_size(shape))
    ]
    return tuple(sorted(set(heads)))


def group_size(shape: ModelShape) -> int:
    """Return the number of heads that share a key."""
    return shape.n_heads // shape.n_kv_heads


def exchange_together(heads: Collection[Node], shape: ModelShape, rank: Rank) -> tuple[ExchangedHeads, ...]:
    """Return one exchange of all heads, for a claim about their joint effect; empty if one of them has no partner."""
    layers = exchange_by_layer(heads, shape, rank)
    moved = tuple(pair for exchange in layers for pair in exchange.pairs)
    return (ExchangedHeads(moved),) if moved and len(moved) == len(heads) else ()


def exchange_by_layer(heads: Collection[Node], shape: ModelShape, rank: Rank) -> tuple[ExchangedHeads, ...]:
    """Return one exchange for each layer, for a claim about each head by itself.

    Such a claim is false as soon as one head has moved.
    """
    exchanges = []
    for layer in sorted({head.layer for head in heads}):
        claimed = sorted(head for head in heads if head.layer == layer)
        others = [other for index in range(shape.n_heads) if (other := Node(layer, "head", index)) not in claimed]
        ranked = [(value, other) for other in others if (value := rank(other)) is not None]
        pairs, staying = [], []
        for head in claimed:
            allowed = [pair for pair in ranked if _interchangeable(head, pair[1], shape)]
            if allowed:
                least = min(allowed)
                ranked.remove(least)
                pairs.append((head, least[1]))
            else:
                staying.append(head)
        if pairs:
            exchanges.append(ExchangedHeads(tuple(pairs), tuple(staying)))
    return tuple(exchanges)


def recovery_rank(measured: Measurements, heads: Collection[Node], at: str | None = None) -> Rank:
    """Return a rank by what each other head of the layers of some heads recovers when denoised alone."""
    layers = tuple(sorted({head.layer for head in heads}))
    nodes = [node for node in all_nodes("head", measured.loaded_model.shape, layers) if node not in heads]
    if not nodes:
        return lambda _head: None
    recovered = measured.sweep_of(nodes, at or measured.default_position, "heads").recovered.mean(1)
    return dict(zip(nodes, recovered.tolist(), strict=True)).get


def attention_rank(measured: Measurements, destination: str, source: str) -> Rank:
    """Return a rank by how much each head attends from one label to another."""
    return lambda head: float(measured.measure(AttentionBetweenLabels(head, destination, source)).mean())


def composition_rank(measured: Measurements, check: ComposesCheck, others: Iterable[Node], *, writing: bool) -> Rank:
    """Return a rank by each head's strongest composition with any of the others, as a writer or a reader."""
    shape, others = measured.loaded_model.shape, tuple(others)

    def endpoint(head: Node) -> Node:
        """Return the head if it writes, or its query, key or value if it reads."""
        index = int(head.index or 0)
        return head if writing else Node(head.layer, check.via, index // (group_size(shape) if check.via != "q" else 1))

    def composition(writer: Node, reader: Node) -> float:
        if writer.layer >= reader.layer:
            return 0.0
        if check.times_random is None:
            return float(measured.measure(InputFraction(writer, reader, str(check.at))).mean())
        return float(measured.composition(check.via)[0][writer.layer, writer.index, reader.layer, reader.index])

    return lambda head: max(
        composition(endpoint(head), other) if writing else composition(other, endpoint(head)) for other in others
    )


def reversed_rank(rank: Rank) -> Rank:
    """Return the reversed rank, for a claim that something is small."""

    def negated_rank(head: Node) -> float | None:
        value = rank(head)
        return None if value is None else -value

    return negated_rank


def _interchangeable(head: Node, other: Node, shape: ModelShape) -> bool:
    """Return whether two heads can change places: if heads share keys and values, only within a group."""
    size = group_size(shape)
    return size == 1 or int(head.index or 0) // size == int(other.index or 0) // size
