"""Interventions on several nodes, or into several inputs, whose variants go through the layers together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import torch
from torch import Tensor

from mi_checks.engine.interventions import Hop, Intervention, Side
from mi_checks.engine.nodes import HEAD_PARTS, Kind, Node
from mi_checks.engine.replay.stored_runs import StoredRuns
from mi_checks.engine.replay.stream_changes import written_change


def forwarded_change(runs: StoredRuns, side: Side, hops: list[Hop], sent_change: Tensor, start: int) -> Tensor:
    """Return the summed change in what the receivers of each variant's hop write, none of them seeing another's.

    Args:
        runs: the clean and the corrupted run.
        side: the run that is patched.
        hops: the receivers of each variant.
        sent_change: the change that they see in addition to the run's stream, `row variant pos d_model`.
        start: the first changed column.

    Returns:
        `row variant pos d_model`.
    """
    total = torch.zeros_like(sent_change)
    for layer in sorted({node.layer for hop in hops for node in hop}):
        receivers = [(i, node.kind, node.index) for i, hop in enumerate(hops) for node in hop if node.layer == layer]
        heads = [(i, kind, index) for i, kind, index in receivers if kind != "mlp"]
        if heads:
            total += _forwarded_by_heads(runs, side, layer, heads, sent_change, start)
        mlps = [i for i, kind, _ in receivers if kind == "mlp"]
        if mlps:
            written = runs.passes[side][layer].from_column(start)
            if written.mlp_out is None:
                raise ValueError(f"{runs.loaded_model.name} has no MLP, so no path into one")
            total[:, mlps] += (
                runs.model.mlp(layer, written.mlp_in[:, None] + sent_change[:, mlps]) - written.mlp_out[:, None]
            )
    return total


def _forwarded_by_heads(
    runs: StoredRuns,
    side: Side,
    layer: int,
    receivers: Sequence[tuple[int, Kind, int | None]],
    sent_change: Tensor,
    start: int,
) -> Tensor:
    """Return the change in what a layer's heads write, `row variant pos d_model`.

    Args:
        runs: the clean and the corrupted run.
        side: the run that is patched.
        layer: index of the layer.
        receivers: (variant, q, k or v, index).
        sent_change: the change that they see, `row variant pos d_model`.
        start: the first changed column.
    """
    model, run = runs.model, runs.passes[side][layer]
    rows, variants, width, _ = sent_change.shape
    seen = model.attention_input(layer, run.resid_pre[:, None, start:] + sent_change)
    inputs: dict[str, Tensor] = {}
    for kind, own in (("q", run.queries[:, start:]), ("k", run.keys), ("v", run.values)):
        inputs[kind] = own[:, None].repeat(1, variants, 1, 1, 1)
        chosen = [(variant, index) for variant, at, index in receivers if at == kind]
        if chosen:
            selected, index = (list(part) for part in zip(*chosen, strict=True))
            new = model.project(layer, kind, seen)  # row variant pos head d_head
            inputs[kind][:, selected, -width:, index] = new[:, selected, :, index]
    columns = runs.columns[side]
    sources = columns if len(columns) == 1 else columns.repeat_interleave(variants, 0)
    queries, keys, values = (inputs[kind].flatten(0, 1) for kind in ("q", "k", "v"))
    queries, keys = model.rotate(queries, sources[:, start:]), model.rotate(keys, sources)
    z = model.attend(queries, sources[:, start:], keys, values, sources).unflatten(0, (rows, variants))
    change = (z - run.from_column(start).z[:, None]).flatten(-2)
    return torch.matmul(change, model.w_o(layer).flatten(0, 1))


class JointEdits:
    """The replacements in a group of variants with the same run, values and positions.

    Args:
        runs: the clean and the corrupted run.
        interventions: the interventions, one variant each.
        start: the first column that they change.
    """

    def __init__(self, runs: StoredRuns, interventions: list[Intervention], start: int) -> None:
        self.runs = runs
        self.interventions = interventions
        self.common = interventions[0]
        self.mask = runs.mask(self.common.run, self.common.at)  # row pos
        self.start = start
        self._replaced = _by_place((i, node) for i, e in enumerate(interventions) if not e.into for node in e.nodes)
        self._receivers = _by_place(
            (i, node) for i, e in enumerate(interventions) for hop in e.hops[-1:] for node in hop
        )
        self._everywhere = bool(self.mask.all())
        places = [*self._replaced, *self._receivers]
        self.layers = {runs.last if kind == "logits" else layer for layer, kind in places}
        self._attention_layers = {layer for layer, kind in self._replaced if kind in ("resid_pre", *HEAD_PARTS)}
        self._attention_layers |= {layer for layer, kind in self._receivers if kind in ("q", "k", "v")}

    @property
    def first(self) -> int:
        """Return the first layer in which anything is replaced, or reads a change."""
        return min(self.layers)

    def touches(self, layer: int) -> bool:
        """Return whether anything in a layer is replaced, or reads a change."""
        return layer in self.layers

    def edits_attention(self, layer: int) -> bool:
        """Return whether a layer's attention is edited itself, and not only affected by earlier layers."""
        return layer in self._attention_layers

    def replaces(self, layer: int, kind: str) -> bool:
        """Return whether any of a layer's activations of a kind is replaced."""
        return (layer, kind) in self._replaced

    def apply(self, layer: int, kind: str, activation: Tensor, *, only_end: bool = False) -> Tensor:
        """Return an activation, `row variant pos …` or only END, with its replacements."""
        chosen = self._replaced.get((layer, kind))
        if chosen is None:
            return activation
        selected = self._variant_mask(chosen, activation)
        new = self._replacement(chosen[0][1], only_end=only_end)[:, None]
        if not self._everywhere:
            mask = self.runs.from_column(self.mask, self.start, only_end=only_end)[:, None]
            selected = selected & mask.view(*mask.shape, *[1] * (activation.dim() - 3))
        return torch.where(selected, new, activation)

    def _replacement(self, node: Node, *, only_end: bool) -> Tensor:
        """Return the new activations of a node's layer, `row pos …` from the first changed column on, or only END."""
        if only_end and node.layer == self.runs.last:
            at_end = self.runs.replacement_at_end(self.common, node)
            if at_end is not None:
                return at_end
        replacement = self.runs.stored_replacement(self.common, node)
        return self.runs.from_column(replacement, self.start, only_end=only_end)

    def project(self, layer: int, kind: str, resid: Tensor, normed: Tensor) -> Tensor:
        """Return q, k or v, `row variant pos head d_head`, of which those at the end of a path see the change."""
        model = self.runs.model
        own = model.project(layer, kind, normed)
        reading = self._receivers.get((layer, kind))
        if reading is None:
            return own
        seen = model.project(layer, kind, model.attention_input(layer, resid + self.sent_change))
        return torch.where(self._variant_mask(reading, own), seen, own)

    def read_stream(self, layer: int, kind: str, resid: Tensor, *, only_end: bool = False) -> Tensor:
        """Return the residual stream as an MLP or the unembedding reads it, `row variant pos d_model` or only END."""
        reading = self._receivers.get((layer, kind))
        if reading is None:
            return resid
        sent_change = self.sent_change
        if only_end:
            sent_change = sent_change[self.runs.rows, :, self.runs.end - self.start][:, :, None]
        return torch.where(self._variant_mask(reading, resid), resid + sent_change, resid)

    @cached_property
    def sent_change(self) -> Tensor:
        """Return the change in what the senders of each variant write, `row variant pos d_model`."""
        nothing = torch.zeros_like(self.runs.passes[self.common.run][0].resid_pre[:, self.start :])
        by_variant: list[Tensor] = []
        for intervention in self.interventions:
            senders = intervention.nodes if intervention.into else ()
            entries = (written_change(self.runs, self.common, [node], self.start, only_end=False) for node in senders)
            by_variant.append(sum((entry.delta[:, 0] for entry in entries if entry is not None), nothing))
        sent_change = torch.stack(by_variant, 1)
        for depth in range(max(len(intervention.hops) for intervention in self.interventions) - 1):
            continuing = [i for i, intervention in enumerate(self.interventions) if depth < len(intervention.hops) - 1]
            hops = [self.interventions[i].hops[depth] for i in continuing]
            sent_change[:, continuing] = forwarded_change(
                self.runs, self.common.run, hops, sent_change[:, continuing], self.start
            )
        return sent_change

    def _variant_mask(self, places: list[tuple[int, Node]], activation: Tensor) -> Tensor:
        """Return a mask of variants and of the layer's heads or neurons, `variant 1 …`."""
        index = [node.index for _, node in places]
        variants = [variant for variant, _ in places]
        whole = index[0] is None or activation.dim() == 3
        index_axis = [] if whole else [activation.shape[3]]
        chosen = torch.zeros((len(self.interventions), 1, *index_axis), dtype=torch.bool, device=activation.device)
        if whole:
            chosen[variants] = True
        else:
            chosen[variants, 0, index] = True
        return chosen.view(*chosen.shape, *[1] * (activation.dim() - 1 - chosen.dim()))


def _by_place(nodes: Iterable[tuple[int, Node]]) -> dict[tuple[int, str], list[tuple[int, Node]]]:
    by_place: dict[tuple[int, str], list[tuple[int, Node]]] = {}
    for variant, node in nodes:
        by_place.setdefault((node.layer, node.kind), []).append((variant, node))
    return by_place
