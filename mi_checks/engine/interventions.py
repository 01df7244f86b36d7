"""Interventions on nodes and paths, and circuits of edges: what is replaced, where, in which run, and by what."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.spec.node_names import ModelShape

Side = Literal["clean", "corrupt"]
AblationKind = Literal["zero", "mean", "resample"]
Hop = tuple[Node, ...]  # the receivers of one hop of a path


@dataclass(frozen=True)
class Intervention:
    """A joint replacement of the activations of `nodes`.

    Attributes:
        nodes: the nodes, replaced in one run.
        at: the label whose positions are replaced; a position, counted from the first token; None for all positions.
        run: the run intervened on.
        value: the new activation: the other run's, zero, the mean over prompts at the same position, or another
            prompt's.
        into: path patching (Wang et al. 2022, arXiv:2211.00593): the only inputs that see the change in what `nodes`
            write: a head's query, key or value, a layer's MLP, or `LOGITS`. All other readers see the unpatched output.
            Empty: everything downstream sees the change.
        onward: further hops of a path. The receivers of each hop are the only inputs that see the change in what the
            receivers of the previous hop write. With B's key in `into`, and C's value and then the logits in `onward`,
            only B's key sees the senders' change, only C's value sees the change in B's output, and only the logits see
            the change in C's output. Receivers of one hop do not see each other's changes, except those of the last
            hop, like everything after them.

    Raises:
        ValueError: a path from a node that does not write into the stream, or into one that does not read it.
    """

    nodes: tuple[Node, ...]
    at: str | int | None
    run: Side
    value: Side | AblationKind
    into: Hop = ()
    onward: tuple[Hop, ...] = ()

    def __post_init__(self) -> None:
        for receiver in self.into:
            if receiver.kind not in READER_KINDS:
                raise ValueError(f"a path must end at a head's q, k or v, an MLP or the logits, not at {receiver}")
            for sender in self.nodes:
                if sender.kind not in WRITER_KINDS:
                    raise ValueError(
                        f"a path must start at a head, a neuron, an attention layer or an MLP, not at {sender}"
                    )
                if not reaches(sender, receiver):
                    raise ValueError(
                        f"there is no path from {sender} to {receiver}, because {receiver} does not come after it"
                    )
        if self.onward and not all(self.hops):
            raise ValueError("every hop of a path must have a receiver")
        for before, hop in pairwise(self.hops):
            for receiver in hop:
                if receiver.kind not in READER_KINDS:
                    raise ValueError(f"a path must end at a head's q, k or v, an MLP or the logits, not at {receiver}")
                for passing in before:
                    if passing.kind == "logits":
                        raise ValueError(f"a path can continue from a head's q, k or v or an MLP, not from {passing}")
                    if not reaches(passing, receiver):
                        raise ValueError(
                            f"there is no path from {passing} to {receiver}, because {receiver} does not come after it"
                        )

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Return the receivers of each hop of a path; empty if everything downstream sees the change."""
        return (self.into, *self.onward) if self.into or self.onward else ()

    @property
    def single(self) -> bool:
        """Return whether it replaces one node and, on a path, has one receiver at every hop."""
        return len(self.nodes) == 1 and all(len(hop) == 1 for hop in self.hops)


WRITER_KINDS = ("head", "neuron", "attn", "mlp")  # kinds of nodes that add to the residual stream
READER_KINDS = ("q", "k", "v", "mlp", "logits")  # kinds of nodes that read it


def reaches(sender: Node, receiver: Node) -> bool:
    """Return whether the receiver reads the residual stream after the sender has written to it.

    If the sender is a query, key or value, its head is meant.
    """
    same = sender.kind in ("head", "attn", "q", "k", "v") and receiver.kind == "mlp" and sender.layer == receiver.layer
    return receiver.kind == "logits" or sender.layer < receiver.layer or same


def denoise(*nodes: Node, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()) -> Intervention:
    """Return an intervention that patches clean activations into the corrupted run."""
    return Intervention(nodes, at, run="corrupt", value="clean", into=into, onward=onward)


def noise(*nodes: Node, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()) -> Intervention:
    """Return an intervention that patches corrupted activations into the clean run."""
    return Intervention(nodes, at, run="clean", value="corrupt", into=into, onward=onward)


def ablate(
    *nodes: Node, kind: AblationKind, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()
) -> Intervention:
    """Return an intervention that replaces activations of the clean run by zero, the batch mean or another prompt's."""
    return Intervention(nodes, at, run="clean", value=kind, into=into, onward=onward)


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
    value: AblationKind
    mlps: bool

    def __post_init__(self) -> None:
        senders, readers = ("a head", "a head's q, k or v") if not self.mlps else ("a head or an MLP", _READERS)
        for sender, receiver in self.edges:
            if sender.kind != "head" and not (self.mlps and sender.kind == "mlp"):
                raise ValueError(f"an edge of this circuit must start at {senders}, not at {sender}")
            if receiver.kind not in ("q", "k", "v", "logits") and not (self.mlps and receiver.kind == "mlp"):
                raise ValueError(f"an edge of this circuit must end at {readers} or the logits, not at {receiver}")
            if not reaches(sender, receiver):
                raise ValueError(
                    f"there is no edge from {sender} to {receiver}, because {receiver} does not come after it"
                )
        if len(set(self.edges)) < len(self.edges):
            twice = next(edge for edge in self.edges if self.edges.count(edge) > 1)
            raise ValueError(f"the edge from {twice[0]} to {twice[1]} is listed twice")

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
