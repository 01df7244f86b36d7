"""The paths between discovered nodes, and from them to the logits, that transmit the behaviour."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.path import receivers
from mi_checks.engine.interventions import Intervention, denoise, noise, reaches
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.spec.edges import HeadInput
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import ratio_intervals
from mi_checks.studies.discovery.node_effects import TESTS_PER_NODE, beyond_threshold

INPUTS: tuple[HeadInput, ...] = ("q", "k", "v")
Patch = Callable[..., Intervention]  # `denoise` or `noise`


@dataclass(frozen=True)
class PathEdge:
    """A path of one hop.

    Attributes:
        sender: a head or a neuron.
        receiver: a head (then `via` is set), an MLP layer, or `LOGITS`.
        via: the input by which a head is reached.
        into: the nodes of the receiver that read; if heads share a key, that of the group.
    """

    sender: Node
    receiver: Node
    via: HeadInput | None
    into: tuple[Node, ...]

    def __str__(self) -> str:
        return f"{self.sender} -> {self.receiver}" + (f".{self.via}" if self.via else "")

    @property
    def ends(self) -> tuple[Node, ...]:
        """Return the sender, and the receiver if it is a node of the model."""
        return (self.sender,) if self.receiver == LOGITS else (self.sender, self.receiver)

    def intervention(self, patch: Patch, at: str | None) -> Intervention:
        """Return the path patching in which the sender's change reaches only the receiver."""
        return patch(self.sender, at=at, into=self.into)


@dataclass(frozen=True)
class PathEffects:
    """The paths of one hop among some nodes, with the effects of denoising and of noising each alone.

    Attributes:
        edges: the paths that were patched.
        n_unpatched: the number of paths between the weaker nodes that were not patched, because all would have taken
            too long.
        recovers: what denoising each path recovers.
        removes: what noising each path removes.
        transmitting: paths that recover or remove significantly more than the threshold, strongest first.
        opposing: paths whose effect is significantly below minus the threshold, strongest first: they oppose the
            behaviour.
        inconclusive: paths for which it is inconclusive whether they recover more than the threshold.
        sufficient: the paths in `transmitting` that denoising recovers; the others are only needed.
        n_tests: the number of tests that were corrected for.
    """

    edges: tuple[PathEdge, ...] = ()
    n_unpatched: int = 0
    recovers: tuple[Estimate, ...] = ()
    removes: tuple[Estimate, ...] = ()
    transmitting: tuple[PathEdge, ...] = ()
    opposing: tuple[PathEdge, ...] = ()
    inconclusive: tuple[PathEdge, ...] = ()
    sufficient: frozenset[PathEdge] = frozenset()
    n_tests: int = 0

    def recovered(self, edge: PathEdge) -> Estimate:
        """Return what denoising a path recovers."""
        return self.recovers[self.edges.index(edge)]

    def removed(self, edge: PathEdge) -> Estimate:
        """Return what noising a path removes."""
        return self.removes[self.edges.index(edge)]

    def strength(self, edge: PathEdge) -> float:
        """Return the larger of both effects in absolute value."""
        return max(abs(self.recovered(edge).value), abs(self.removed(edge).value))


def measure_paths(
    measured: Measurements,
    nodes: Sequence[Node],
    mlps: Sequence[Node],
    above: float,
    *,
    parallel: bool = False,
    most: Callable[[Sequence[Intervention]], int] = len,
    strength: Callable[[Node], float] = lambda _: 0.0,
) -> PathEffects:
    """Denoise and noise every path among nodes; one-sided tests at 2.5 %, Holm-corrected over all of them.

    Args:
        measured: the behaviour on the model.
        nodes: heads and neurons; each sends to every later head's q, k and v, to MLP layers, and to the logits.
        mlps: MLP layers that send as well; these and the layers of neurons receive.
        above: the threshold, a fraction of clean − corrupt.
        parallel: whether attention and MLP of a layer read the same residual stream.
        most: returns how many of the given interventions there is time for.
        strength: returns the strength of a node; paths between the strongest are patched if there is no time for all.
    """
    every = list(_edges(measured, sorted(nodes), sorted(mlps), parallel))
    if not every:
        return PathEffects()
    at, unpatched, design = measured.default_position, measured.unpatched, measured.design
    allowed = most([edge.intervention(patch, at) for edge in every for patch in (denoise, noise)]) // 2
    ranked = sorted(every, key=lambda edge: -min(strength(end) for end in edge.ends))
    affordable_edges = set(ranked[: max(1, allowed)])
    edges = tuple(edge for edge in every if edge in affordable_edges)
    recovered = measured.logit_diffs([edge.intervention(denoise, at) for edge in edges], "paths, denoised")
    removed = measured.logit_diffs([edge.intervention(noise, at) for edge in edges], "paths, noised")
    tested = TESTS_PER_NODE * len(every)
    rows = (recovered - unpatched.corrupt.logit_diff, unpatched.clean.logit_diff - removed)
    size = unpatched.effect_size
    more, less = zip(*(beyond_threshold(row, size, above, design, tested) for row in rows), strict=True)
    against = [beyond_threshold(row, size, -above, design, tested)[1] for row in rows]
    order = np.argsort(-np.maximum(*(np.abs(row.mean(1)) for row in rows)), kind="stable")
    some, reverse = more[0] | more[1], (against[0] | against[1]) & ~(more[0] | more[1])
    return PathEffects(
        edges,
        n_unpatched=len(every) - len(edges),
        recovers=tuple(ratio_intervals(rows[0], unpatched.effect_size, design)),
        removes=tuple(ratio_intervals(rows[1], unpatched.effect_size, design)),
        transmitting=tuple(edges[i] for i in order if some[i]),
        opposing=tuple(edges[i] for i in order if reverse[i]),
        inconclusive=tuple(edges[i] for i in order if not some[i] and not less[0][i]),
        n_tests=tested,
        sufficient=frozenset(edges[i] for i in order if more[0][i] or (reverse[i] and against[0][i])),
    )


def _edges(measured: Measurements, nodes: Sequence[Node], mlps: Sequence[Node], parallel: bool) -> Iterator[PathEdge]:
    heads = [node for node in nodes if node.kind == "head"]
    layers = sorted({node.layer for node in (*nodes, *mlps) if node.kind != "head"})
    ends: list[tuple[Node, HeadInput | None, tuple[Node, ...]]] = [
        (head, via, receivers(measured, str(head), via)) for head in heads for via in INPUTS
    ]
    ends += [(Node(layer, "mlp"), None, (Node(layer, "mlp"),)) for layer in layers]
    ends.append((LOGITS, None, (LOGITS,)))
    for sender in (*nodes, *mlps):
        for receiver, via, into in ends:
            in_parallel = parallel and receiver.kind == "mlp" and receiver.layer == sender.layer
            if not in_parallel and all(reaches(sender, reader) for reader in into):
                yield PathEdge(sender, receiver, via, into)
