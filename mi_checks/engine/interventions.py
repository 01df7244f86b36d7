"""What can be done to a run: which nodes, at which positions, in which run, and what is put there instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mi_checks.engine.nodes import Node

Side = Literal["clean", "corrupt"]
Ablated = Literal["zero", "mean", "resample"]


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

    Raises:
        ValueError: a path from something that writes nothing, or into something that does not read it.
    """

    nodes: tuple[Node, ...]
    at: str | int | None
    run: Side
    value: Side | Ablated
    into: tuple[Node, ...] = ()

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


WRITERS = ("head", "neuron", "attn", "mlp")  # what adds to the residual stream
READERS = ("q", "k", "v", "mlp", "logits")  # what reads it


def reaches(sender: Node, receiver: Node) -> bool:
    """Whether the receiver reads the residual stream after the sender has written to it."""
    same = sender.kind in ("head", "attn") and receiver.kind == "mlp" and sender.layer == receiver.layer
    return receiver.kind == "logits" or sender.layer < receiver.layer or same


def denoise(*nodes: Node, at: str | int | None = None, into: tuple[Node, ...] = ()) -> Intervention:
    """Patch clean activations into the corrupt run."""
    return Intervention(nodes, at, run="corrupt", value="clean", into=into)


def noise(*nodes: Node, at: str | int | None = None, into: tuple[Node, ...] = ()) -> Intervention:
    """Patch corrupt activations into the clean run."""
    return Intervention(nodes, at, run="clean", value="corrupt", into=into)


def ablate(*nodes: Node, kind: Ablated, at: str | int | None = None, into: tuple[Node, ...] = ()) -> Intervention:
    """Replace activations of the clean run by zero, the batch mean, or another prompt's."""
    return Intervention(nodes, at, run="clean", value=kind, into=into)
