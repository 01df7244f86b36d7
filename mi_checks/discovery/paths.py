"""Which paths between found nodes, and from them to the logits, carry the behaviour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.discovery.mediation import significant
from mi_checks.engine.interventions import Intervention, denoise, reaches
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.record import Estimate
from mi_checks.spec.edges import Input
from mi_checks.stats import ratio_interval

INPUTS: tuple[Input, ...] = ("q", "k", "v")


@dataclass(frozen=True)
class Edge:
    """A path of one hop.

    Attributes:
        sender: a head or a neuron.
        receiver: a head (then `via`), an MLP layer, or `LOGITS`.
        via: by which input a head is reached.
        into: what of the receiver reads; where heads share a key, that of the group.
    """

    sender: Node
    receiver: Node
    via: Input | None
    into: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.sender} -> {self.receiver}" + (f".{self.via}" if self.via else "")

    def denoised(self, at: str | None) -> Intervention:
        """What the sender writes differently reaches the receiver alone."""
        return denoise(self.sender, at=at, into=self.into)


@dataclass(frozen=True)
class Paths:
    """All paths of one hop among some nodes.

    Attributes:
        edges: what was swept.
        shares: what each recovers.
        found: those that surely recover more than the threshold, strongest first.
        unsure: those of which neither that nor the reverse is sure.
    """

    edges: tuple[Edge, ...] = ()
    shares: tuple[Estimate, ...] = ()
    found: tuple[Edge, ...] = ()
    unsure: tuple[Edge, ...] = ()

    def share(self, edge: Edge) -> Estimate:
        """What a path recovers."""
        return self.shares[self.edges.index(edge)]


def paths(
    measured: Measurements, nodes: Sequence[Node], mlps: Sequence[Node], above: float, *, parallel: bool = False
) -> Paths:
    """Denoise every path among nodes; one-sided tests at 2.5 %, corrected by Holm over all of them.

    Args:
        measured: the behaviour on the model.
        nodes: heads and neurons; each sends to every later head's q, k and v, to MLP layers, and to the logits.
        mlps: MLP layers that send as well; these and the layers of neurons receive.
        above: the threshold, a share of clean − corrupt.
        parallel: whether attention and MLP of a layer read the same residual stream.
    """
    edges = tuple(_edges(measured, sorted(nodes), sorted(mlps), parallel))
    if not edges:
        return Paths()
    at, base = measured.everywhere, measured.base
    patched = measured.logit_diffs([edge.denoised(at) for edge in edges], "paths")
    recovered = patched - base.corrupt.logit_diff
    more, less = significant(recovered, base.gap, above, len(edges))
    order = np.argsort(-recovered.mean(1), kind="stable")
    return Paths(
        edges,
        tuple(ratio_interval(row, base.gap) for row in recovered),
        tuple(edges[i] for i in order if more[i]),
        tuple(edges[i] for i in order if not more[i] and not less[i]),
    )


def _edges(measured: Measurements, nodes: Sequence[Node], mlps: Sequence[Node], parallel: bool) -> Iterator[Edge]:
    heads = [node for node in nodes if node.kind == "head"]
    layers = sorted({node.layer for node in (*nodes, *mlps) if node.kind != "head"})
    ends: list[tuple[Node, Input | None, tuple[Node, ...]]] = [
        (head, via, receivers(measured, str(head), via)) for head in heads for via in INPUTS
    ]
    ends += [(Node(layer, "mlp"), None, (Node(layer, "mlp"),)) for layer in layers]
    ends.append((LOGITS, None, (LOGITS,)))
    for sender in (*nodes, *mlps):
        for receiver, via, into in ends:
            beside = parallel and receiver.kind == "mlp" and receiver.layer == sender.layer
            if not beside and all(reaches(sender, reader) for reader in into):
                yield Edge(sender, receiver, via, into)
