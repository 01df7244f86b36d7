"""Interventions: which nodes are replaced, at which positions, in which run, and by what."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from mi_checks.engine.nodes import Node

Side = Literal["clean", "corrupt"]
Ablated = Literal["zero", "mean", "resample"]
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
    value: Side | Ablated
    into: Hop = ()
    onward: tuple[Hop, ...] = ()

    def __post_init__(self) -> None:
        for receiver in self.into:
            if receiver.kind not in READERS:
                raise ValueError(f"a path ends in a head's q, k or v, an MLP or the logits, not in {receiver}")
            for sender in self.nodes:
                if sender.kind not in WRITERS:
                    raise ValueError(
                        f"a path begins at a head, a neuron, an attention layer or an MLP, not at {sender}"
                    )
                if not reaches(sender, receiver):
                    raise ValueError(f"there is no path from {sender} to {receiver}: it does not come before it")
        if self.onward and not all(self.hops):
            raise ValueError("every hop of a path needs a receiver")
        for before, hop in pairwise(self.hops):
            for receiver in hop:
                if receiver.kind not in READERS:
                    raise ValueError(f"a path ends in a head's q, k or v, an MLP or the logits, not in {receiver}")
                for passing in before:
                    if passing.kind == "logits":
                        raise ValueError(f"a path goes on from a head's q, k or v or an MLP, not from {passing}")
                    if not reaches(passing, receiver):
                        raise ValueError(f"there is no path from {passing} to {receiver}: it does not come before it")

    @property
    def hops(self) -> tuple[Hop, ...]:
        """Return the receivers of each hop of a path; empty if everything downstream sees the change."""
        return (self.into, *self.onward) if self.into or self.onward else ()

    @property
    def single(self) -> bool:
        """Return whether it replaces one node and, on a path, has one receiver at every hop."""
        return len(self.nodes) == 1 and all(len(hop) == 1 for hop in self.hops)


WRITERS = ("head", "neuron", "attn", "mlp")  # kinds of nodes that add to the residual stream
READERS = ("q", "k", "v", "mlp", "logits")  # kinds of nodes that read it


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
    *nodes: Node, kind: Ablated, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()
) -> Intervention:
    """Return an intervention that replaces activations of the clean run by zero, the batch mean or another prompt's."""
    return Intervention(nodes, at, run="clean", value=kind, into=into, onward=onward)
