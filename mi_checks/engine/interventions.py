"""What can be done to a run: which nodes, at which positions, in which run, and what is put there instead."""

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
    """Replace the activations of `nodes` together.

    Attributes:
        nodes: the nodes, replaced in one run.
        at: the label whose positions are replaced; a position, counted from the first token; None for all positions.
        run: the run intervened on.
        value: what is put there: the other run's activation, zero, the mean over prompts at the same position, or
            another prompt's activation.
        into: path patching (Wang et al. 2022, arXiv:2211.00593): the only inputs that see what `nodes` write
            differently: a head's query, key or value, a layer's MLP, or `LOGITS`; all other readers see what the run
            writes anyway. Empty: everything downstream sees it.
        onward: further hops of a path, the receivers of each the only inputs that see what those of the hop before
            write differently: with `into` B's key and `onward` C's value and then the logits, B's key alone sees the
            senders' difference, C's value alone what B then writes differently, the logits alone what C writes
            differently. Receivers of one hop do not see each other's differences, but those of the last hop do, as
            everything after them does.

    Raises:
        ValueError: a path from something that writes nothing, or into something that does not read it.
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
        """The receivers of each hop of a path; none where everything downstream sees what is replaced."""
        return (self.into, *self.onward) if self.into or self.onward else ()

    @property
    def single(self) -> bool:
        """Whether it is on one node, into one input at every hop of a path."""
        return len(self.nodes) == 1 and all(len(hop) == 1 for hop in self.hops)


WRITERS = ("head", "neuron", "attn", "mlp")  # what adds to the residual stream
READERS = ("q", "k", "v", "mlp", "logits")  # what reads it


def reaches(sender: Node, receiver: Node) -> bool:
    """Whether the receiver reads the residual stream after the sender has written to it; for q, k and v, their head."""
    same = sender.kind in ("head", "attn", "q", "k", "v") and receiver.kind == "mlp" and sender.layer == receiver.layer
    return receiver.kind == "logits" or sender.layer < receiver.layer or same


def denoise(*nodes: Node, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()) -> Intervention:
    """Patch clean activations into the corrupt run."""
    return Intervention(nodes, at, run="corrupt", value="clean", into=into, onward=onward)


def noise(*nodes: Node, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()) -> Intervention:
    """Patch corrupt activations into the clean run."""
    return Intervention(nodes, at, run="clean", value="corrupt", into=into, onward=onward)


def ablate(
    *nodes: Node, kind: Ablated, at: str | int | None = None, into: Hop = (), onward: tuple[Hop, ...] = ()
) -> Intervention:
    """Replace activations of the clean run by zero, the batch mean, or another prompt's."""
    return Intervention(nodes, at, run="clean", value=kind, into=into, onward=onward)
