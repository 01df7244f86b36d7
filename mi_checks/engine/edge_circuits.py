"""Circuits of edges: which reader sees what a sender writes in the circuit's run, and which sees it ablated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.engine.interventions import Ablated, reaches
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.spec.node_names import ModelShape

Edge = tuple[Node, Node]  # sender, receiver


@dataclass(frozen=True)
class EdgeCircuit:
    """A clean run in which only these edges carry what their sender writes in the circuit's own run.

    Along every other edge the receiver sees the sender's ablated output, as `ablate(sender, kind=value)` defines it
    (Conmy et al. 2023, arXiv:2304.14997). All heads are senders; the readers are the queries, keys and values of all
    heads, each by itself, and the logits. Every reader sees the embedding and the output bias of the attention layers,
    which belongs to no head.

    Attributes:
        edges: (sender, receiver).
        value: what receivers see along all other edges: zero, the mean over prompts at the same position, or another
            prompt's output, each from the clean run.
        mlps: whether MLPs are senders and readers too. If not, each MLP reads the whole stream of the circuit's run,
            and every reader sees what the MLP wrote.

    Raises:
        ValueError: a pair is not an edge, or an edge is listed twice.
    """

    edges: tuple[Edge, ...]
    value: Ablated
    mlps: bool

    def __post_init__(self) -> None:
        senders, readers = ("a head", "a head's q, k or v") if not self.mlps else ("a head or an MLP", _READERS)
        for sender, receiver in self.edges:
            if sender.kind != "head" and not (self.mlps and sender.kind == "mlp"):
                raise ValueError(f"an edge of this circuit begins at {senders}, not at {sender}")
            if receiver.kind not in ("q", "k", "v", "logits") and not (self.mlps and receiver.kind == "mlp"):
                raise ValueError(f"an edge of this circuit ends in {readers} or the logits, not in {receiver}")
            if not reaches(sender, receiver):
                raise ValueError(f"there is no edge from {sender} to {receiver}: it does not come before it")
        if len(set(self.edges)) < len(self.edges):
            twice = next(edge for edge in self.edges if self.edges.count(edge) > 1)
            raise ValueError(f"the edge from {twice[0]} to {twice[1]} is there twice")

    @property
    def incoming(self) -> dict[Node, frozenset[Node]]:
        """Return the senders that each reader sees, without readers that see none."""
        seen: defaultdict[Node, set[Node]] = defaultdict(set)
        for sender, receiver in self.edges:
            seen[receiver].add(sender)
        return {receiver: frozenset(senders) for receiver, senders in seen.items()}


_READERS = "a head's q, k or v, an MLP"


def senders(shape: ModelShape, *, mlps: bool) -> Iterator[Node]:
    """Yield the nodes at which an edge can begin, in the order in which the model computes them."""
    for layer in range(shape.n_layers):
        yield from all_nodes("head", shape, (layer,))
        if mlps and shape.has_mlps:
            yield Node(layer, "mlp")


def readers(shape: ModelShape, *, mlps: bool) -> Iterator[Node]:
    """Yield the nodes at which an edge can end, in the order in which the model computes them."""
    for layer in range(shape.n_layers):
        yield from (node for part in ("q", "k", "v") for node in all_nodes(part, shape, (layer,)))
        if mlps and shape.has_mlps:
            yield Node(layer, "mlp")
    yield LOGITS


def all_edges(shape: ModelShape, *, mlps: bool) -> tuple[Edge, ...]:
    """Return every edge between a model's senders and readers."""
    return tuple(
        (sender, reader)
        for reader in readers(shape, mlps=mlps)
        for sender in senders(shape, mlps=mlps)
        if reaches(sender, reader)
    )
