"""Who can read whom: the order of a model's nodes, and so which edges and paths there can be.

All names here are those of single nodes, such as `L1H6`. Where a behaviour has roles, the nodes are known once these
are bound, and whoever measures it asks then.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, product
from typing import NamedTuple

from mi_checks.spec.edges import LOGITS, Input
from mi_checks.spec.node_names import NodeName, parse_node

WRITERS = ("head", "neuron", "attn", "mlp")  # what adds to the residual stream


class Stop(NamedTuple):
    """The nodes of one stop of a path, and the input of heads by which they are reached."""

    nodes: tuple[str, ...]
    via: Input | None = None


class Misstep(NamedTuple):
    """A step of a path that cannot be made: to which stop, counted from 0; between which nodes; and why not."""

    stop: int
    sender: str
    receiver: str
    message: str


def out_of_order(sender: str, receiver: str, via: Input | None = None) -> str | None:
    """Why what the sender writes never comes to the receiver, or None where it does.

    A head's q, k or v reads what earlier layers wrote to the residual stream, an MLP what its own layer's heads wrote
    as well, the logits read all.

    Args:
        sender: a head, a neuron, an attention layer or an MLP.
        receiver: a head, an MLP or `logits`.
        via: the input of a head.
    """
    writes, reads = parse_node(sender), parse_node(receiver)
    if writes is None or reads is None or _before(writes, reads):
        return None
    if writes.component not in WRITERS or reads.component not in ("head", "mlp"):
        return None  # no sender or receiver at all, which is another mistake
    also = ", and its own layer's heads" if reads.component == "mlp" else ""
    what = f"{receiver}.{via}" if via else receiver
    return f"{sender!r} does not come before {what!r}, which reads what earlier layers write{also}"


def _before(sender: NodeName, receiver: NodeName) -> bool:
    own = receiver.component == "mlp" and sender.component in ("head", "attn") and sender.layer == receiver.layer
    return sender.layer < receiver.layer or own


def misstep(stops: Iterable[Stop]) -> Misstep | None:
    """The first step of a path that cannot be made, or None: all nodes of a stop must read all of the one before."""
    for index, (before, after) in enumerate(pairwise(stops), start=1):
        if LOGITS in after.nodes:
            continue
        for sender, receiver in product(_one_of_each(before.nodes), _one_of_each(after.nodes)):
            message = out_of_order(sender, receiver, after.via)
            if message:
                return Misstep(index, sender, receiver, message)
    return None


def _one_of_each(nodes: tuple[str, ...]) -> Iterable[str]:
    """A node of each layer and component, the first: order asks for no more, and neurons are many."""
    first: dict[tuple[int, str], str] = {}
    for node in nodes:
        parts = parse_node(node)
        if parts is not None:
            first.setdefault((parts.layer, parts.component), node)
    return first.values()


def wrong_input(component: str, via: Input | None) -> str | None:
    """Why nothing of a component, or the logits, is reached by that input, or by none; None where it is."""
    if component == "head" and via is None:
        return "a head is reached by its q, k or v"
    if component in ("mlp", LOGITS) and via is not None:
        return f"{'the logits have' if component == LOGITS else 'an MLP layer has'} one input, and no {via}"
    return None


def counted_twice(nodes: Iterable[str]) -> str | None:
    """Why nodes cannot be added up: one is part of another, an attention or MLP layer; None where they can."""
    named = tuple(nodes)
    for node in named:
        parts = parse_node(node)
        whole = {"head": "attn", "neuron": "mlp"}.get(parts.component) if parts is not None else None
        if parts is not None and whole is not None and f"L{parts.layer}.{whole}" in named:
            return f"{node!r} is part of 'L{parts.layer}.{whole}', and would count twice"
    return None
