"""The replay engine: only what an intervention can change is computed again, for many interventions at once.

Exact, and against one forward per intervention it saves: the layers before the patch, the positions before the first
one that differs (their keys and values are kept), in the last layer all but the answer position, and all of the
unembedding but the answer's and foils' columns. Single heads, neurons and layer outputs are stacked into one batch:
each enters the residual stream as a difference. What cannot reach END is not computed at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.base import Floats
from mi_checks.engine.engine import Engine, Progress, no_progress
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.nodes import Node
from mi_checks.engine.transformer import Transformer
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import PromptBatch

CHUNK_BYTES = 192 * 2**20  # of activations held for the variants replayed together
WRITERS = ("head", "attn", "resid_mid")  # what enters the residual stream before the MLP


@dataclass(frozen=True)
class LayerRun:
    """One layer of a base run, everything `prompt pos …`."""

    resid_pre: Tensor
    keys: Tensor
    values: Tensor
    z: Tensor
    attn_out: Tensor
    resid_mid: Tensor
    neurons: Tensor | None
    mlp_out: Tensor | None
    resid_post: Tensor


class ReplayEngine(Engine):
    """Measures what `ReferenceEngine` does, to the same numbers."""

    name = "replay"

    def __init__(
        self, subject: Subject, batch: PromptBatch, model: Transformer, progress: Progress = no_progress
    ) -> None:
        super().__init__(subject, batch, progress)
        self.model = model
        self.last = model.n_layers - 1
        self.read = torch.cat([self.answers[:, None], self.foils], dim=1)  # prompt 1+foil
        self._runs: dict[Side, list[LayerRun]] = {}
        differs = (self.tokens["clean"] != self.tokens["corrupt"]).any(0)
        self.first_difference = int(differs.int().argmax()) if bool(differs.any()) else self.width

    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """Alike interventions on single nodes together, the others one by one; see `Engine.measure`."""
        out = np.empty((len(interventions), len(self.batch)))
        groups = list(self._groups(interventions))
        with torch.no_grad():
            for group in self.progress(groups, len(groups), title):
                alike = [interventions[i] for i in group]
                one = len(alike) == 1 and len(alike[0].nodes) != 1
                values = self._set(alike[0]) if one else self._singles(alike)
                out[group] = self.finite(values, f"under {title}")
        return out

    def activation(self, side: Side, node: Node) -> Tensor:
        """The activations of all of a node's layer in the clean or corrupt run, `prompt pos …`."""
        run = self.run(side)[node.layer]
        stored: dict[str, Tensor | None] = {
            "head": run.z,
            "neuron": run.neurons,
            "attn": run.attn_out,
            "mlp": run.mlp_out,
            "resid_pre": run.resid_pre,
            "resid_mid": run.resid_mid,
            "resid_post": run.resid_post,
        }
        found = stored[node.kind]
        if found is None:
            raise ValueError(f"{self.subject.name} has no MLP, so no {node}")  # behaviour files are checked for this
        return found

    def attention(self, head: Node) -> Tensor:
        """A head's attention pattern in the clean run, `prompt destination source`."""
        layer = self.run("clean")[head.layer]
        with torch.no_grad():
            positions = self._positions(0, len(self.batch))
            queries = self.model.queries(head.layer, layer.resid_pre, positions)
            return self.model.pattern(queries, layer.keys, positions)[:, head.index].float().cpu()

    def base_logits(self, side: Side) -> Tensor:
        """Logits at END without intervention, `prompt d_vocab`, float32."""
        with torch.no_grad():
            resid = self.run(side)[self.last].resid_post[self.rows, self.end]
            return self.model.logits(self.model.final(resid))

    def run(self, side: Side) -> list[LayerRun]:
        """The clean or corrupt run, layer by layer, computed once."""
        if side not in self._runs:
            with torch.no_grad():
                resid = self.model.embed(self.tokens[side])
                layers: list[LayerRun] = []
                for layer in range(self.model.n_layers):
                    layers.append(self._layer(layer, resid))
                    resid = layers[-1].resid_post
            self._runs[side] = layers
        return self._runs[side]

    def _layer(self, layer: int, resid: Tensor) -> LayerRun:
        model, positions = self.model, self._positions(0, len(resid))
        keys, values = model.keys_values(layer, resid, positions)
        z = model.mixed(model.pattern(model.queries(layer, resid, positions), keys, positions), values)
        attn_out = model.attention_out(layer, z)
        resid_mid = resid + attn_out
        if model.attn_only:
            return LayerRun(resid, keys, values, z, attn_out, resid_mid, None, None, resid_mid)
        neurons = model.neurons(layer, resid_mid)
        mlp_out = model.mlp_out(layer, neurons)
        return LayerRun(resid, keys, values, z, attn_out, resid_mid, neurons, mlp_out, resid_mid + mlp_out)

    def _groups(self, interventions: list[Intervention]) -> Iterator[list[int]]:
        """Indices of what is replayed together: single nodes of one layer and kind, one intervention, in chunks."""
        together: dict[object, list[int]] = {}
        for i, intervention in enumerate(interventions):
            node = intervention.nodes[0]
            kind = (node.layer, node.kind, intervention.run, intervention.value, intervention.at)
            together.setdefault(kind if len(intervention.nodes) == 1 else i, []).append(i)
        for group in together.values():
            size = self._chunk(interventions[group[0]])
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def _chunk(self, intervention: Intervention) -> int:
        """How many variants fit in the byte budget."""
        node = intervention.nodes[0]
        suffix = self.width - self._start(intervention)
        if node.layer == self.last and node.kind != "resid_pre":
            suffix = 1
        width = 8 * self.subject.bridge.cfg.d_model + 2 * (self.subject.shape.d_mlp or 0)
        width += 2 * self.model.n_heads * self.width
        return max(1, int(CHUNK_BYTES // (4 * len(self.batch) * suffix * width)))

    def _start(self, intervention: Intervention) -> int:
        """The first position that the intervention changes in any prompt."""
        if intervention.at is not None:
            return min(positions[0] for positions in self.batch.positions(intervention.at))
        if intervention.value in ("clean", "corrupt"):
            return min(self.first_difference, int(self.end.min()))
        return 0

    def _singles(self, alike: list[Intervention]) -> Tensor:
        """Single nodes of one layer and kind → logit differences, `variant prompt`."""
        first = alike[0]
        node, start = first.nodes[0], self._start(first)
        before = self.run(first.run)[node.layer]
        change = self.replacement(first, node) - self.activation(first.run, node)
        mask = self.mask(first.at)
        change = torch.where(mask.view(*mask.shape, *[1] * (change.dim() - 2)), change, torch.zeros_like(change))
        ends_only = node.layer == self.last and node.kind != "resid_pre"
        change = change[self.rows, self.end][:, None] if ends_only else change[:, start:]
        if not bool(change.any()):  # zero by causality, or nothing differs where the intervention acts
            unchanged = (self.base.clean if first.run == "clean" else self.base.corrupt).logit_diff
            return torch.from_numpy(unchanged).expand(len(alike), -1)
        if node.kind == "head":
            heads = torch.tensor([i.nodes[0].index for i in alike], device=self.device)
            delta = torch.einsum("nsvh,vhd->vnsd", change[:, :, heads], self.model.w_o(node.layer)[heads])
        elif node.kind == "neuron":
            units = torch.tensor([i.nodes[0].index for i in alike], device=self.device)
            delta = change[:, :, units].permute(2, 0, 1)[..., None] * self.model.w_out(node.layer)[units][:, None, None]
        else:
            delta = change[None].expand(len(alike), *change.shape)
        entry = "pre" if node.kind == "resid_pre" else "mid" if node.kind in WRITERS else "post"
        base = {"pre": before.resid_pre, "mid": before.resid_mid, "post": before.resid_post}[entry]
        base = base[self.rows, self.end][:, None] if ends_only else base[:, start:]
        variants = delta.shape[0]
        resid = (base[None] + delta).flatten(0, 1)  # variant·prompt pos d_model
        if entry == "mid":
            resid = self._mlp(node.layer, resid)
        first_whole = node.layer if entry == "pre" else node.layer + 1
        for layer in range(first_whole, self.model.n_layers):
            resid = self._replayed(layer, resid, first.run, start)
        return self._read(resid[:, 0].view(variants, len(self.batch), -1))

    def _replayed(self, layer: int, resid: Tensor, side: Side, start: int) -> Tensor:
        """A layer from `start` on, over a base run's keys and values before it; in the last layer only END is left."""
        model = self.model
        variants = len(resid) // len(self.batch)
        positions = self._positions(start, len(resid))
        keys, values = model.keys_values(layer, resid, positions)
        kept = self.run(side)[layer]
        if start:
            keys = torch.cat([kept.keys[:, :start].repeat(variants, 1, 1, 1), keys], 1)
            values = torch.cat([kept.values[:, :start].repeat(variants, 1, 1, 1), values], 1)
        if layer == self.last:
            end = self.end.repeat(variants)
            resid = resid[torch.arange(len(resid), device=self.device), end - start][:, None]
            positions = end[:, None]
        z = model.mixed(model.pattern(model.queries(layer, resid, positions), keys, positions), values)
        return self._mlp(layer, resid + model.attention_out(layer, z))

    def _mlp(self, layer: int, resid_mid: Tensor) -> Tensor:
        if self.model.attn_only:
            return resid_mid
        return resid_mid + self.model.mlp_out(layer, self.model.neurons(layer, resid_mid))

    def _set(self, intervention: Intervention) -> Tensor:
        """Several nodes at once, those of later layers put in as the replay reaches them → `1 prompt`."""
        model, side = self.model, intervention.run
        first = min(node.layer for node in intervention.nodes)
        start = self._start(intervention)
        mask = self.mask(intervention.at)[:, start:]
        positions = self._positions(start, len(self.batch))
        resid = self.run(side)[first].resid_pre[:, start:]

        def put(layer: int, kind: str, activation: Tensor) -> Tensor:
            nodes = [node for node in intervention.nodes if (node.layer, node.kind) == (layer, kind)]
            if not nodes:
                return activation
            chosen = torch.zeros(activation.shape[2:], dtype=torch.bool, device=self.device)
            for node in nodes:
                chosen[slice(None) if node.index is None else node.index] = True
            where = mask.view(*mask.shape, *[1] * (activation.dim() - 2))
            return torch.where(where & chosen, self.replacement(intervention, nodes[0])[:, start:], activation)

        for layer in range(first, model.n_layers):
            resid = put(layer, "resid_pre", resid)
            keys, values = model.keys_values(layer, resid, positions)
            kept = self.run(side)[layer]
            keys, values = torch.cat([kept.keys[:, :start], keys], 1), torch.cat([kept.values[:, :start], values], 1)
            z = model.mixed(model.pattern(model.queries(layer, resid, positions), keys, positions), values)
            attn_out = put(layer, "attn", model.attention_out(layer, put(layer, "head", z)))
            resid = put(layer, "resid_mid", resid + attn_out)
            if not model.attn_only:
                neurons = put(layer, "neuron", model.neurons(layer, resid))
                resid = resid + put(layer, "mlp", model.mlp_out(layer, neurons))
            resid = put(layer, "resid_post", resid)
        return self._read(resid[self.rows, self.end - start][None])

    def _read(self, resid_end: Tensor) -> Tensor:
        """Final residual stream at END, `variant prompt d_model` → logit differences, `variant prompt`."""
        logits = self.model.logits_of(self.model.final(resid_end), self.read)
        return logits[..., 0] - self.reduced(logits[..., 1:])

    def _positions(self, start: int, rows: int) -> Tensor:
        return torch.arange(start, self.width, device=self.device)[None].expand(rows, -1)
