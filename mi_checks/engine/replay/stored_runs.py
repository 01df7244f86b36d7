"""The base class of the replay engine, which stores the clean and corrupted runs, computed from the weights."""

from __future__ import annotations

from abc import ABC

import torch
from torch import Tensor

from mi_checks.engine.engine import Engine
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.nodes import Node
from mi_checks.engine.prompt_layout import Padding
from mi_checks.engine.readout import ScoreFunction
from mi_checks.engine.replay.forward_pass import ForwardPass, LayerOutputs, LayerOutputsFrom
from mi_checks.engine.transformer import Transformer
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import PromptBatch
from mi_checks.stats.floor import Floats


class StoredRuns(Engine, ABC):
    """The base class of the replay engine: results of the runs without intervention, computed when first needed.

    The corrupted run shares with the clean one all columns before `first_difference`, where their tokens are the same.
    """

    def __init__(
        self,
        loaded_model: LoadedModel,
        batch: PromptBatch,
        model: Transformer,
        progress: Progress = no_progress,
        *,
        padding: Padding = "right",
        score: ScoreFunction | None = None,
    ) -> None:
        super().__init__(loaded_model, batch, progress, padding=padding, score=score)
        self.model = model
        self.last = model.n_layers - 1
        left, right = self.layouts["clean"], self.layouts["corrupt"]
        differs = ((left.tokens != right.tokens) | (left.positions != right.positions)).any(0)
        first = int(differs.int().argmax()) if bool(differs.any()) else self.width
        self.first_difference = min(first, int(self.end.min()))
        # A single row if all rows have the same positions.
        self.columns: dict[Side, Tensor] = {
            side: layout.positions[:1] if self.padding == "right" else layout.positions
            for side, layout in self.layouts.items()
        }
        clean = ForwardPass(model, left.tokens, self.columns["clean"], self.end)
        corrupt = ForwardPass(
            model, right.tokens, self.columns["corrupt"], self.end, twin=clean, shared=self.first_difference
        )
        self.passes: dict[Side, ForwardPass] = {"clean": clean, "corrupt": corrupt}
        self._replacements: dict[tuple[object, ...], Tensor] = {}

    def stored_replacement(self, intervention: Intervention, node: Node) -> Tensor:
        """Return `replacement`, stored until `forget_replacements`: interventions of a sweep share activations."""
        key = (intervention.run, intervention.value, intervention.at, node.layer, node.kind)
        if key not in self._replacements:
            self._replacements[key] = self.replacement(intervention, node)
        return self._replacements[key]

    def forget_replacements(self) -> None:
        """Free the activations that `stored_replacement` stored."""
        self._replacements.clear()

    def first_changed_column(self, intervention: Intervention) -> int:
        """Return the first column that the intervention changes in any prompt."""
        columns = self.mask(intervention.run, intervention.at).any(0)
        first = int(columns.int().argmax()) if bool(columns.any()) else self.width
        if intervention.value in ("clean", "corrupt"):
            first = max(first, self.first_difference)
        return min(first, int(self.end.min()))

    def from_column(self, x: Tensor, start: int, *, only_end: bool) -> Tensor:
        """Return the columns of `row pos …` from `start` on, or only END."""
        return x[self.rows, self.end][:, None] if only_end else x[:, start:]

    def activation(self, side: Side, node: Node) -> Tensor:
        """Return the activations of the whole layer of a node in the clean or corrupted run, `row pos …`."""
        with torch.no_grad():
            layer = self.passes[side][node.layer]
            match node.kind:
                case "q":
                    return layer.queries
                case "k":
                    return layer.keys
                case "v":
                    return layer.values
                case "pattern":
                    return layer.pattern.transpose(1, 2)
                case "resid_pre":
                    return layer.resid_pre
                case _:
                    return self._part(layer.whole, node)

    def activation_at_end(self, side: Side, node: Node) -> Tensor:
        """Return an activation of the last layer at END, `row 1 …`, without computing other positions."""
        return self._part(self.passes[side][self.last].at_end, node)

    def replacement_at_end(self, intervention: Intervention, node: Node) -> Tensor | None:
        """Return the new activations of the last layer at END, `row 1 …`; None if they depend on other positions."""
        if intervention.value == "zero":
            return torch.zeros_like(self.activation_at_end(intervention.run, node))
        if intervention.value in ("clean", "corrupt"):
            return self.activation_at_end(intervention.value, node)
        return None

    def activation_from(self, side: Side, node: Node, start: int) -> Tensor:
        """Return an activation of any layer from a column on, `row pos …`."""
        return self._part(self.passes[side][node.layer].from_column(start), node)

    def score_direction(self) -> Tensor:
        """Return the direction from the unembedding's columns; see `Engine.score_direction`."""
        columns = self.model.weights["unembed.weight"].float()
        answers, foils = (columns[tokens].mean(1) for tokens in (self.readout.answers, self.readout.foils))
        resid = self.passes["clean"][self.last].at_end.resid_post[:, 0]
        return self.model.final_norm_adjoint(resid, answers - foils)

    def activation_direction(self, node: Node, direction: Tensor) -> Tensor:
        """Return the direction through the output matrix; see `Engine.activation_direction`."""
        if node.kind == "head":
            return torch.einsum("pd,hed->phe", direction, self.model.w_o(node.layer).float())
        return direction @ self.model.w_out(node.layer).float().T

    def stream_output(self, node: Node, own: Tensor) -> Tensor:
        """Return what the node writes, from the output matrix; see `Engine.stream_output`."""
        if node.index is None:
            return own
        if node.kind == "head":
            return own[:, node.index] @ self.model.w_o(node.layer)[node.index]
        return own[:, node.index, None] * self.model.w_out(node.layer)[node.index]

    def receiver_input(self, receiver: Node, whole: Tensor, part: Tensor) -> Tensor:
        """Return what the receiver reads, from the norm and the projection; see `Engine.receiver_input`."""
        weight, _ = self.model.projection(receiver.layer, receiver.kind)
        return self.model.attention_input_of_part(receiver.layer, whole, part) @ weight[receiver.index].T

    def promoted_tokens(self, neuron: Node, count: int) -> Floats:
        """Return the promoted tokens from the output matrix and the unembedding; see `Engine.promoted_tokens`."""
        with torch.no_grad():
            logits = self.model.promoted_logits(neuron.layer, neuron.index or 0)
            order = logits.argsort(descending=True)
            tokens = torch.cat([order[:count], order[-count:]])
            rows: Floats = torch.stack([tokens.double(), logits[tokens].double()], 1).cpu().numpy()
            return rows

    def padded_pattern(self, head: Node, rows: Tensor) -> Tensor:
        """Return a head's attention pattern in some rows of the clean run, `row destination source`."""
        return self.passes["clean"][head.layer].pattern_of(head.index or 0, rows)

    def unpatched_logits(self, side: Side) -> Tensor:
        """Return the logits at END without intervention, `row d_vocab`, float32."""
        with torch.no_grad():
            resid = self.passes[side][self.last].at_end.resid_post[:, 0]
            return self.model.logits(self.model.final_norm(resid))

    def _part(self, written: LayerOutputs | LayerOutputsFrom, node: Node) -> Tensor:
        part: Tensor | None
        match node.kind:
            case "head":
                part = written.z
            case "neuron":
                part = written.neurons
            case "attn":
                part = written.attn_out
            case "mlp":
                part = written.mlp_out
            case "resid_mid":
                part = written.resid_mid
            case _:
                part = written.resid_post
        if part is None:
            raise ValueError(f"{self.loaded_model.name} has no MLP, so no {node}")  # unreachable from behaviour files
        return part
