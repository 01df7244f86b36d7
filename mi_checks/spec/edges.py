"""The syntax of edges (`previous_token -> induction.k`), and the rules that decide which edges exist.

The functions that test the order take names of single nodes, such as `L1H6`. The nodes of roles are known only once the
roles are bound, so the code that measures a behaviour with roles tests them then.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field

from mi_checks.spec.node_names import NodeName, parse_node

LOGITS_NAME = "logits"  # the receiver name of a path or edge into the logits
HeadInput = Literal["q", "k", "v"]  # the inputs of a head, which read the residual stream

_EDGE = re.compile(r"(?P<sender>[^<>]+?) *-> *(?P<receiver>[^<>]+?)(?:\.(?P<via>[qkv]))?")
EDGE_SYNTAX = (
    "edges are written like 'L0H3 -> L1H6.k', also with roles and node sets, and end in a head's q, k or v, an MLP "
    "layer or 'logits'"
)


@dataclass(frozen=True)
class EdgeName:
    """The parts of an edge: names of senders and receivers, and the input of the receiving heads."""

    sender: str
    receiver: str
    via: HeadInput | None

    def __str__(self) -> str:
        return f"{self.sender} -> {self.receiver}" + (f".{self.via}" if self.via else "")


def parse_edge(text: str) -> EdgeName | None:
    """Return the parts of an edge, or None if the text is not an edge."""
    match = _EDGE.fullmatch(" ".join(text.split()))
    if match is None:
        return None
    via: HeadInput | None = match["via"]  # type: ignore[assignment]  # `_EDGE` allows only q, k, v
    return EdgeName(match["sender"], match["receiver"], via)


def _require_edge(text: str) -> str:
    if parse_edge(text) is None:
        raise ValueError(f"{text!r} is not an edge; {EDGE_SYNTAX}")
    return text


EdgeText = Annotated[
    str, AfterValidator(_require_edge), Field(json_schema_extra={"pattern": "^[^<>]*[^<> ] *-> *[^<> ][^<>]*$"})
]  # fmt: skip


WRITING_COMPONENTS = ("head", "neuron", "attn", "mlp")  # the components that write to the residual stream


class PathStop(NamedTuple):
    """The nodes of one stop on a path, and for heads the input through which the path enters them."""

    nodes: tuple[str, ...]
    via: HeadInput | None = None


class ImpossibleStep(NamedTuple):
    """An impossible step of a path: the index of the stop it leads to (from 0), its two nodes, and the reason."""

    stop: int
    sender: str
    receiver: str
    message: str


def unreachable_reason(sender: str, receiver: str, via: HeadInput | None = None) -> str | None:
    """Return why the receiver cannot read what the sender writes, or None if it can.

    A head's q, k or v reads what earlier layers wrote to the residual stream; an MLP also reads what the heads of its
    own layer wrote; the logits read everything.

    Args:
        sender: a head, a neuron, an attention layer or an MLP.
        receiver: a head, an MLP or `logits`.
        via: the input of a head.
    """
    writes, reads = parse_node(sender), parse_node(receiver)
    if writes is None or reads is None or _precedes(writes, reads):
        return None
    if writes.component not in WRITING_COMPONENTS or reads.component not in ("head", "mlp"):
        return None  # a component that cannot send or receive is reported elsewhere
    extra = ", and what heads of its own layer write" if reads.component == "mlp" else ""
    target = f"{receiver}.{via}" if via else receiver
    return f"{sender!r} does not come before {target!r}, which reads only what earlier layers write{extra}"


def _precedes(sender: NodeName, receiver: NodeName) -> bool:
    same_layer_mlp = (
        receiver.component == "mlp" and sender.component in ("head", "attn") and sender.layer == receiver.layer
    )
    return sender.layer < receiver.layer or same_layer_mlp


def impossible_step(stops: Iterable[PathStop]) -> ImpossibleStep | None:
    """Return the first impossible step of a path, or None if every step is possible.

    Every node of a stop must be able to read from every node of the previous stop.
    """
    for index, (before, after) in enumerate(pairwise(stops), start=1):
        if LOGITS_NAME in after.nodes:
            continue
        for sender, receiver in product(
            _one_per_layer_and_component(before.nodes), _one_per_layer_and_component(after.nodes)
        ):
            message = unreachable_reason(sender, receiver, after.via)
            if message:
                return ImpossibleStep(index, sender, receiver, message)
    return None


def _one_per_layer_and_component(nodes: tuple[str, ...]) -> Iterable[str]:
    """Return the first node of each layer and component: the order of nodes depends on nothing else."""
    first: dict[tuple[int, str], str] = {}
    for node in nodes:
        parts = parse_node(node)
        if parts is not None:
            first.setdefault((parts.layer, parts.component), node)
    return first.values()


def head_input_problem(component: str, via: HeadInput | None) -> str | None:
    """Return why nodes of a component, or the logits, cannot be reached through this input, or None if they can."""
    if component == "head" and via is None:
        return "a path enters a head through its q, k or v"
    if component in ("mlp", LOGITS_NAME) and via is not None:
        return f"{'the logits have' if component == LOGITS_NAME else 'an MLP layer has'} only one input; remove {via!r}"
    return None
