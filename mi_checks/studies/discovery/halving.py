"""A search for the neurons that matter, by exact patching of whole layers, then of parts of those that matter.

A gradient is zero behind a saturated activation; the effect of patching a group is not. Groups are patched in both
runs, since a neuron that needs another shows only under noising, and one with a redundant copy only under denoising.
The search misses neurons that cancel each other within a group.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.engine.readout import Floats

N_PARTS = 4  # parts that a group is divided into
MAX_DIVIDED_AT_ONCE = 8  # groups that are divided at a time
MIN_EFFECT = 0.7  # fraction of the threshold; groups with a smaller effect are not divided
TITLE = "groups of neurons"
Group = tuple[Node, ...]
Effect = Callable[[Sequence[Group]], Floats]  # takes groups and returns their effects as fractions of clean − corrupt


@dataclass(frozen=True)
class Halved:
    """The result of the search.

    Attributes:
        nodes: single neurons whose effect is near or above the threshold, strongest first.
        patched: the number of groups and neurons that were patched.
        unfinished: whether groups that matter were left undivided for lack of time.
    """

    nodes: tuple[Node, ...]
    patched: int
    unfinished: bool


def halved(measured: Measurements, layers: Sequence[Sequence[Node]], above: float, most: int) -> Halved:
    """Divide the layers that matter, those with the largest effects first, until single neurons are left.

    Args:
        measured: the behaviour on the model.
        layers: the neurons of each layer.
        above: the threshold, a fraction of clean − corrupt.
        most: the number of groups that may be patched in each direction.
    """
    base, effect_size = measured.base, float(measured.base.effect_size.mean())

    width, at = measured.loaded_model.shape.d_mlp, measured.everywhere

    def patched(group: Group) -> Group:
        # the whole layer: the same effect, and measured anyway
        return (Node(group[0].layer, "mlp"),) if len(group) == width else group

    def recovered(groups: Sequence[Group]) -> Floats:
        left = measured.logit_diffs([denoise(*patched(each), at=at) for each in groups], f"{TITLE}, denoised")
        shares: Floats = (left - base.corrupt.logit_diff).mean(1) / effect_size
        return shares

    def removed(groups: Sequence[Group]) -> Floats:
        left = measured.logit_diffs([noise(*patched(each), at=at) for each in groups], f"{TITLE}, noised")
        shares: Floats = (base.clean.logit_diff - left).mean(1) / effect_size
        return shares

    whole = [tuple(layer) for layer in layers if layer]
    both = [_divide(effect, whole, MIN_EFFECT * above, most) for effect in (recovered, removed)]
    sizes: dict[Node, float] = {}
    for each in both:
        sizes |= {node: max(size, sizes.get(node, 0.0)) for node, size in each.sizes.items()}
    nodes = tuple(sorted(sizes, key=lambda node: (-sizes[node], node)))
    return Halved(nodes, sum(each.patched for each in both), any(each.unfinished for each in both))


@dataclass(frozen=True)
class _Divided:
    sizes: dict[Node, float]
    patched: int
    unfinished: bool


def _divide(effect: Effect, whole: Sequence[Group], near: float, most: int) -> _Divided:
    """Find single neurons and their effects by one kind of patching."""
    sizes: dict[Node, float] = {}
    waiting: list[tuple[float, Group]] = []  # a heap, the largest effect first
    parts, patched, cut = list(whole), 0, False
    while parts and patched < most:
        cut |= len(parts) > most - patched
        parts = parts[: most - patched]
        patched += len(parts)
        for group, size in zip(parts, np.abs(effect(parts)).tolist(), strict=True):
            if size >= near and len(group) == 1:
                sizes[group[0]] = size
            elif size >= near:
                heappush(waiting, (-size, group))
        some = [heappop(waiting)[1] for _ in range(min(MAX_DIVIDED_AT_ONCE, len(waiting)))]
        parts = [part for group in some for part in _parts(group)]
    return _Divided(sizes, patched, unfinished=cut or bool(parts or waiting))


def _parts(group: Group) -> list[Group]:
    size = -(-len(group) // N_PARTS)
    return [group[begin : begin + size] for begin in range(0, len(group), size)]
