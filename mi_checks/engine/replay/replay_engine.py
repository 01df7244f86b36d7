"""The replay engine: it recomputes only what an intervention can change, for many interventions at once.

It is exact. Compared with one forward pass per intervention it saves the layers before the patch; the positions before
the first one that differs (whose keys and values are stored); in the last layer everything but END, whose attention
needs no keys and values of the others; and the unembedding except the columns of the answer and the foils. What cannot
reach END is not computed at all. Interventions on single nodes of one layer and kind enter the residual stream as
changes, stacked in one batch. Those on several nodes go through the layers together, each changed where its nodes are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.interventions import EdgeCircuit, Intervention, Side
from mi_checks.engine.nodes import LOGITS
from mi_checks.engine.prompt_layout import Padding
from mi_checks.engine.readout import ScoreFunction
from mi_checks.engine.replay.edge_runs import EdgeCircuitRuns
from mi_checks.engine.replay.joint_interventions import JointEdits
from mi_checks.engine.replay.memory_budget import MemoryBudget
from mi_checks.engine.replay.stored_runs import StoredRuns
from mi_checks.engine.replay.stream_changes import StreamChange, stream_change
from mi_checks.engine.transformer import Transformer, attend_from
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import END, PromptBatch
from mi_checks.stats.floor import Floats


class ReplayEngine(StoredRuns):
    """An engine that gives the same numbers as `ReferenceEngine`, computed from the weights.

    Attributes:
        positions_computed: number of positions (of rows × variants) processed since the engine was made, by part:
            `queries`, `sources` (attended to, and not stored) and `mlp`.
    """

    name = "replay"

    def __init__(
        self,
        loaded_model: LoadedModel,
        batch: PromptBatch,
        model: Transformer,
        progress: Progress = no_progress,
        *,
        padding: Padding = "right",
        score: ScoreFunction | None = None,
        memory: int | None = None,
    ) -> None:
        super().__init__(loaded_model, batch, model, progress, padding=padding, score=score)
        self.memory = MemoryBudget(self.device, memory)
        self.positions_computed: Counter[str] = Counter()

    def with_weights(self, model: Transformer, since: int) -> ReplayEngine:
        """Return an engine for other weights on the same prompts, which shares the runs of layers before `since`.

        Args:
            model: the same model with other weights from layer `since` on, or of the unembedding.
            since: a layer; the number of layers if only the unembedding differs.
        """
        other = self._new_engine(self.batch, model)
        with torch.no_grad():
            clean = self.passes["clean"].with_weights(model, since)
            other.passes = {"clean": clean, "corrupt": self.passes["corrupt"].with_weights(model, since, twin=clean)}
        return other

    def with_prompts(self, batch: PromptBatch) -> ReplayEngine:
        """Return an engine for the same model on other prompts."""
        return self._new_engine(batch, self.model)

    def with_first_prompts(self, batch: PromptBatch) -> ReplayEngine:
        """Return an engine for the first of this one's prompts, with the results of their runs so far."""
        other = self._new_engine(batch, self.model)
        if self.padding == "right":  # on the left, the columns may differ
            rows, columns = len(other.rows), other.width
            clean = self.passes["clean"].crop(rows, columns)
            other.passes = {"clean": clean, "corrupt": self.passes["corrupt"].crop(rows, columns, clean)}
            other.first_difference = self.first_difference  # the column up to which the runs share their results
        return other

    def scores(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """Replay interventions that are alike together; see `Engine.scores`."""
        self.supported.require_interventions(interventions)
        out = np.empty((len(interventions), len(self.batch)))
        with torch.no_grad():
            groups = list(self._groups(interventions))
            for group in self.progress(groups, len(groups), title):
                scores = self.memory.run_halving(self._score_group, [interventions[i] for i in group])
                out[group] = self.require_finite(scores, f"logits at {END} under {title}")
        self.forget_replacements()
        return out

    def edge_scores(self, circuits: list[EdgeCircuit], title: str = "edges") -> Floats:
        """Replay circuits with the same ablation value together; see `Engine.edge_scores`."""
        self.supported.require_edges()
        out = np.empty((len(circuits), len(self.batch)))
        by_group: dict[object, list[int]] = {}
        for i, circuit in enumerate(circuits):
            by_group.setdefault((circuit.value, circuit.mlps), []).append(i)
        groups = []
        for group_members in by_group.values():
            size = self.memory.max_variants(self._bytes_per_circuit(circuits[group_members[0]]))
            groups += [group_members[i : i + size] for i in range(0, len(group_members), size)]
        with torch.no_grad():
            for group in self.progress(groups, len(groups), title):
                scores = self.memory.run_halving(self._score_circuits, [circuits[i] for i in group])
                out[group] = self.require_finite(scores, f"logits at {END} under {title}")
        self.forget_replacements()
        return out

    def _score_circuits(self, group_members: list[EdgeCircuit]) -> Tensor:
        """Return the logit differences of a group of edge circuits, `variant prompt`."""
        return self._scores_at_end(EdgeCircuitRuns(self, group_members).final_streams())

    def _bytes_per_circuit(self, circuit: EdgeCircuit) -> int:
        """Return about how many bytes one circuit takes while its edges are measured."""
        model, d_model, heads = self.model, self.loaded_model.bridge.cfg.d_model, self.model.n_heads
        streams = 3 * heads + model.n_layers * (heads + 1)
        floats = self.width * d_model * streams + 4 * self.width * (self.loaded_model.shape.d_mlp or 0)
        if model.n_layers <= 2 and (model.attn_only or not circuit.mlps):  # no reader's stream is computed
            floats = self.width * heads * (6 * model.d_head + self.width)
        return int(len(self.rows) * floats * model.weights["embed.weight"].element_size())

    def _new_engine(self, batch: PromptBatch, model: Transformer) -> ReplayEngine:
        other = ReplayEngine(
            self.loaded_model, batch, model, self.progress, padding=self.padding, score=self.readout.score_function
        )
        other.memory = self.memory
        return other

    def _groups(self, interventions: list[Intervention]) -> Iterator[list[int]]:
        """Yield the indices of interventions that are replayed together, in chunks that fit the memory."""
        by_group: dict[object, list[int]] = {}
        for i, intervention in enumerate(interventions):
            by_group.setdefault(_group_key(intervention), []).append(i)
        for group in by_group.values():
            size = self.memory.max_variants(self._bytes_per_variant(interventions[group[0]]))
            yield from (group[start : start + size] for start in range(0, len(group), size))

    def _bytes_per_variant(self, intervention: Intervention) -> int:
        """Return about how many bytes one variant takes while it is replayed."""
        cfg = self.loaded_model.bridge.cfg
        first = min((node.layer for node in intervention.nodes), default=self.last)
        n_columns = 1 if first == self.last else self.width - self.first_changed_column(intervention)
        floats = 8 * cfg.d_model + 2 * self.model.n_heads * self.width
        embedding = self.model.weights["embed.weight"]
        if embedding.device.type != "cpu" or any(node.kind == "neuron" for node in intervention.nodes):
            # Otherwise they are computed a few rows at a time, see `Transformer.mlp`.
            floats += 2 * (self.loaded_model.shape.d_mlp or 0)
        vocabulary_floats = 4 * cfg.d_vocab if self.readout.tokens is None else 0
        return int(len(self.rows) * (n_columns * floats + vocabulary_floats) * embedding.element_size())

    def _score_group(self, group_members: list[Intervention]) -> Tensor:
        """Return the logit differences of a group of interventions, `variant prompt`."""
        first = group_members[0]
        start = self.first_changed_column(first)
        if first.nodes and not first.single:
            edits = JointEdits(self, group_members, start)
            resid = self.passes[first.run][edits.first].resid_pre[:, None, start:]
            resid = resid.expand(-1, len(group_members), -1, -1)
            return self._scores_at_end(self._propagate_edits(resid, edits, start))
        entry = stream_change(self, group_members, start) if first.nodes else None
        if entry is None:  # the effect is zero by causality, or nothing differs where the intervention acts
            unchanged = (self.unpatched.clean if first.run == "clean" else self.unpatched.corrupt).logit_diff
            return torch.from_numpy(unchanged).expand(len(group_members), -1)
        return self._scores_at_end(self._propagate_change(entry, first.run, start))

    def _propagate_change(self, entry: StreamChange, side: Side, start: int) -> Tensor:
        """Return the final residual stream at END after a change entered, `row variant d_model`."""
        layer = self.passes[side][entry.layer]
        if entry.layer == self.last and entry.point != "pre":
            written = layer.at_end
            if entry.point == "mid":
                resid_mid = written.resid_mid + entry.delta[:, :, 0]
                return self._mlp(entry.layer, resid_mid, resid_mid)
            return written.resid_post + entry.delta[:, :, 0]
        if entry.point == "pre":
            return self._propagate(entry.layer, _add_variants(layer.resid_pre[:, start:], entry.delta), side, start)
        if entry.point == "mid":
            resid_mid = _add_variants(layer.from_column(start).resid_mid, entry.delta)
            resid = self._mlp(entry.layer, resid_mid, resid_mid)
        else:
            resid = _add_variants(layer.from_column(start).resid_post, entry.delta)
        return self._propagate(entry.layer + 1, resid, side, start)

    def _propagate_edits(self, resid: Tensor, edits: JointEdits, start: int) -> Tensor:
        """Return the final stream at END, `row variant d_model`, from the stream before the first edited layer."""
        first, side = edits.first, edits.common.run
        if edits.edits_attention(first):
            return self._propagate(first, resid, side, start, edits)
        # Nothing has changed before this layer's attention, so the stored z is still right.
        only_end = first == self.last
        if only_end:
            resid = resid[self.rows, :, self.end - start][:, :, None]
        run = self.passes[side][first]
        z = (run.at_end if only_end else run.from_column(start)).z[:, None].expand(-1, resid.shape[1], -1, -1, -1)
        resid = self._after_attention(first, resid, z, edits, only_end=only_end)
        return (
            self._unembedding_input(resid, edits) if only_end else self._propagate(first + 1, resid, side, start, edits)
        )

    def _propagate(self, layer: int, resid: Tensor, side: Side, start: int, edits: JointEdits | None = None) -> Tensor:
        """Return the final stream at END from the stream before a layer, `row variant pos d_model` from a column on."""
        for index in range(layer, self.last):
            layer_edits = edits if edits is not None and edits.touches(index) else None
            resid = self._run_layer(index, resid, side, start, layer_edits)
        if edits is None or not edits.touches(self.last):
            return self._run_last_layer(resid, side, start)
        if not edits.edits_attention(self.last):
            before, z = self._attend_at_end(resid, side, start)
            resid = self._after_attention(self.last, before[:, :, None], z[:, :, None], edits, only_end=True)
            return self._unembedding_input(resid, edits)
        resid = self._run_layer(self.last, resid, side, start, edits)
        return self._unembedding_input(resid[self.rows, :, self.end - start][:, :, None], edits)

    def _unembedding_input(self, resid: Tensor, edits: JointEdits) -> Tensor:
        """Return the stream that the unembedding reads at END, `row variant 1 d_model` → `row variant d_model`."""
        return edits.read_stream(LOGITS.layer, "logits", resid, only_end=True)[:, :, 0]

    def _run_layer(self, layer: int, resid: Tensor, side: Side, start: int, edits: JointEdits | None) -> Tensor:
        """Return the stream after a layer with its edits, using stored keys and values of columns before `start`."""
        model, (rows, variants, _, _) = self.model, resid.shape
        self._count(resid, "queries", "sources")
        columns = self.columns[side]
        sources = columns if len(columns) == 1 else columns.repeat_interleave(variants, 0)
        positions = sources[:, start:]
        if edits is not None:
            resid = edits.apply(layer, "resid_pre", resid)
        normed = model.attention_input(layer, resid)
        queries, keys, values = (
            model.project(layer, kind, normed)
            if edits is None
            else edits.apply(layer, kind, edits.project(layer, kind, resid, normed))
            for kind in ("q", "k", "v")
        )
        queries, keys, values = queries.flatten(0, 1), keys.flatten(0, 1), values.flatten(0, 1)
        queries, keys = model.rotate(queries, positions), model.rotate(keys, positions)
        if start:
            earlier = self.passes[side][layer].keys_and_values_before(start)
            keys, values = (
                torch.cat([before.repeat_interleave(variants, 0), new], 1)
                for before, new in zip(earlier, (keys, values), strict=True)
            )
        if edits is None:
            z = model.attend(queries, positions, keys, values, sources).unflatten(0, (rows, variants))
            resid_mid = model.attention_out(layer, z).add_(resid)
            return self._mlp(layer, resid_mid, model.mlp_in(resid, resid_mid))
        if edits.replaces(layer, "pattern"):
            pattern = model.pattern(queries, positions, keys, sources)
            by_position = edits.apply(layer, "pattern", pattern.transpose(1, 2).unflatten(0, (rows, variants)))
            z = model.mix_values(by_position.flatten(0, 1).transpose(1, 2), values)
        else:
            z = model.attend(queries, positions, keys, values, sources)
        return self._after_attention(layer, resid, z.unflatten(0, (rows, variants)), edits)

    def _after_attention(
        self, layer: int, resid: Tensor, z: Tensor, edits: JointEdits, *, only_end: bool = False
    ) -> Tensor:
        """Return the stream after a layer from its z, with the edits in between, `row variant pos …` or only END."""
        model = self.model
        z = edits.apply(layer, "head", z, only_end=only_end)
        attn_out = edits.apply(layer, "attn", model.attention_out(layer, z), only_end=only_end)
        resid_mid = edits.apply(layer, "resid_mid", resid + attn_out, only_end=only_end)
        if model.attn_only:
            return edits.apply(layer, "resid_post", resid_mid, only_end=only_end)
        self._count(resid_mid, "mlp")
        mlp_in = edits.read_stream(layer, "mlp", model.mlp_in(resid, resid_mid), only_end=only_end)
        if edits.replaces(layer, "neuron"):
            neurons = edits.apply(layer, "neuron", model.neurons(layer, mlp_in), only_end=only_end)
            mlp_out = model.mlp_out(layer, neurons)
        else:
            mlp_out = model.mlp(layer, mlp_in)
        mlp_out = edits.apply(layer, "mlp", mlp_out, only_end=only_end)
        return edits.apply(layer, "resid_post", resid_mid + mlp_out, only_end=only_end)

    def _run_last_layer(self, resid: Tensor, side: Side, start: int) -> Tensor:
        """Return the stream after the last layer at END, `row variant d_model`."""
        before, z = self._attend_at_end(resid, side, start)
        resid_mid = before + self.model.attention_out(self.last, z)
        return self._mlp(self.last, resid_mid, self.model.mlp_in(before, resid_mid))

    def _attend_at_end(self, resid: Tensor, side: Side, start: int) -> tuple[Tensor, Tensor]:
        """Return the stream before the last layer at END, `row variant d_model`, and z, `row variant head d_head`."""
        normed = self.model.attention_input(self.last, resid)
        self._count(resid, "sources")
        self._count(resid[:, :, :1], "queries")
        end, positions = self.end - start, self.layouts[side].positions
        z = attend_from(
            self.model,
            self.last,
            normed[self.rows, :, end],
            positions[self.rows, self.end],
            normed,
            positions[:, start:],
            *((*self.passes[side][self.last].keys_and_values_before(start), positions[:, :start]) if start else ()),
        )
        return resid[self.rows, :, end], z

    def _mlp(self, layer: int, resid_mid: Tensor, mlp_in: Tensor) -> Tensor:
        """Return the residual stream after the MLP."""
        if self.model.attn_only:
            return resid_mid
        self._count(resid_mid, "mlp")
        return self.model.mlp(layer, mlp_in).add_(resid_mid)

    def _scores_at_end(self, resid_end: Tensor) -> Tensor:
        """Return the scores of the final residual stream at END, `row variant d_model` → `variant prompt`."""
        final, tokens = self.model.final_norm(resid_end), self.readout.tokens
        if tokens is not None:
            return self.readout.score_of_tokens(self.model.logits_of_tokens(final, tokens).transpose(0, 1))
        return self.readout.score(self.model.logits(final).transpose(0, 1))

    def _count(self, resid: Tensor, *what: str) -> None:
        for part in what:
            self.positions_computed[part] += resid[..., 0].numel()


def _add_variants(base: Tensor, delta: Tensor) -> Tensor:
    """Return `row pos d_model` + `row variant pos d_model`, contiguous whatever the strides of the latter."""
    return torch.add(base[:, None], delta, out=torch.empty(delta.shape, dtype=delta.dtype, device=delta.device))


def _group_key(intervention: Intervention) -> tuple[object, ...]:
    """Return what interventions must have in common to be replayed together."""
    setting = (intervention.run, intervention.value, intervention.at)
    if not intervention.nodes:
        return (*setting, "nothing")
    if not intervention.single:
        return setting
    places = [(node.layer, node.kind) for hop in (intervention.nodes, *intervention.hops) for node in hop]
    return (*setting, *places)
