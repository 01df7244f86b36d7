"""Interventions on several nodes, or into several inputs, for the variants that walk through the layers together."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import torch
from torch import Tensor

from mi_checks.engine.entries import written
from mi_checks.engine.hops import passed_on
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.kept_runs import KeptRuns
from mi_checks.engine.nodes import Node


class Edits:
    """What is replaced where, in variants that share the run, the values put in and the positions.

    Args:
        runs: the kept runs.
        alike: the interventions, one variant each.
        start: the first column that they change.
    """

    def __init__(self, runs: KeptRuns, alike: list[Intervention], start: int) -> None:
        self.runs = runs
        self.alike = alike
        self.how = alike[0]
        self.mask = runs.mask(self.how.run, self.how.at)[:, None, start:]  # row 1 pos
        self.start = start
        self._replaced = _by_place((i, node) for i, e in enumerate(alike) if not e.into for node in e.nodes)
        self._reading = _by_place((i, node) for i, e in enumerate(alike) for hop in e.hops[-1:] for node in hop)
        places = [*self._replaced, *self._reading]
        self.layers = {runs.last if kind == "logits" else layer for layer, kind in places}

    @property
    def first(self) -> int:
        """The first layer in which anything is replaced or read differently."""
        return min(self.layers)

    def touch(self, layer: int) -> bool:
        """Whether anything in a layer is replaced or read differently."""
        return layer in self.layers

    def put(self, layer: int, kind: str, activation: Tensor) -> Tensor:
        """An activation, `row variant pos …`, with what is to be replaced in it replaced."""
        chosen = self._replaced.get((layer, kind))
        if chosen is None:
            return activation
        new = self.runs.replacement(self.how, chosen[0][1])[:, None, self.start :]
        which = self._chosen(chosen, activation)
        mask = self.mask.view(*self.mask.shape, *[1] * (activation.dim() - 3))
        return torch.where(mask & which, new, activation)

    def projected(self, layer: int, kind: str, resid: Tensor, normed: Tensor) -> Tensor:
        """Queries, keys or values, `row variant pos head d_head`, those at the end of a path from what they see."""
        model = self.runs.model
        own = model.projected(layer, kind, normed)
        reading = self._reading.get((layer, kind))
        if reading is None:
            return own
        seen = model.projected(layer, kind, model.normed(layer, resid + self.sent))
        return torch.where(self._chosen(reading, own), seen, own)

    def read(self, layer: int, kind: str, resid: Tensor) -> Tensor:
        """The residual stream as an MLP or the unembedding reads it."""
        reading = self._reading.get((layer, kind))
        return resid if reading is None else torch.where(self._chosen(reading, resid), resid + self.sent, resid)

    @cached_property
    def sent(self) -> Tensor:
        """What the senders of each variant write differently, `row variant pos d_model`."""
        nothing = torch.zeros_like(self.runs.passes[self.how.run][0].resid_pre[:, self.start :])
        by_variant: list[Tensor] = []
        for intervention in self.alike:
            senders = intervention.nodes if intervention.into else ()
            entries = (written(self.runs, self.how, [node], self.start, ends=False) for node in senders)
            by_variant.append(sum((entry.delta[:, 0] for entry in entries if entry is not None), nothing))
        sent = torch.stack(by_variant, 1)
        for depth in range(max(len(intervention.hops) for intervention in self.alike) - 1):
            going_on = [i for i, intervention in enumerate(self.alike) if depth < len(intervention.hops) - 1]
            hops = [self.alike[i].hops[depth] for i in going_on]
            sent[:, going_on] = passed_on(self.runs, self.how.run, hops, sent[:, going_on], self.start)
        return sent

    def _chosen(self, places: list[tuple[int, Node]], activation: Tensor) -> Tensor:
        """Which variants, and which of the layer's heads or neurons, `variant 1 …`."""
        chosen = torch.zeros((len(self.alike), 1, *activation.shape[3:]), dtype=torch.bool, device=activation.device)
        for variant, node in places:
            chosen[(variant, 0) if node.index is None else (variant, 0, node.index)] = True
        return chosen


def _by_place(nodes: Iterable[tuple[int, Node]]) -> dict[tuple[int, str], list[tuple[int, Node]]]:
    by_place: dict[tuple[int, str], list[tuple[int, Node]]] = {}
    for variant, node in nodes:
        by_place.setdefault((node.layer, node.kind), []).append((variant, node))
    return by_place
