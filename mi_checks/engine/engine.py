"""The base classes of engines and quantities: a batch as tensors, the values of interventions, and what is measured."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.ablation_values import mean_ablation_values, resample_ablation_values
from mi_checks.engine.interventions import EdgeCircuit, Intervention, Side
from mi_checks.engine.nodes import Node
from mi_checks.engine.prompt_layout import Padding, PromptLayout, prompt_rows
from mi_checks.engine.readout import N_TOP_TOKENS, Readout, ScoreFunction, SideRun, UnpatchedRuns, relative_floor
from mi_checks.engine.residual_stream import is_parallel
from mi_checks.engine.supported_measurements import SupportedMeasurements
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import END, Prompt, PromptBatch
from mi_checks.stats.floor import Floats
from mi_checks.stats.interval_cache import IntervalCache


class Quantity(ABC):
    """A measurement of one model on one batch of prompts.

    Each kind of quantity is a frozen dataclass in the module that computes it, and is defined nowhere else.

    Attributes:
        by_row: whether the result is `row prompt`, of which each row is cached under its own name.
        signed: whether the result changes its sign with the score, if answer and foil are exchanged.
    """

    by_row: ClassVar[bool] = False
    signed: ClassVar[bool] = False

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Return unique names: one for each row, or one for the whole result."""

    @abstractmethod
    def compute(self, engine: Engine) -> Floats:
        """Return the measurement; called without gradients.

        Args:
            engine: the engine to measure with.

        Raises:
            MiChecksError: the quantity is undefined for this model, or a value is NaN or infinite.
        """

    def select_rows(self, rows: Sequence[int]) -> Quantity:
        """Return the quantity with only these rows; one that has a single row is returned as it is.

        Raises:
            TypeError: the quantity has no such rows, or its kind does not say how to select among several.
        """
        if not self.by_row or list(rows) != [0] or len(self.names()) != 1:
            raise TypeError(f"{type(self).__name__} cannot select rows {list(rows)}")
        return self


class Engine(ABC):
    """An engine that measures interventions on one model over one batch of prompts.

    Rows of different lengths are padded on one side. On the right, causal attention hides the padding; on the left it
    is masked, and positions are counted from a row's first token. If clean and corrupt prompts correspond only at their
    labels, they are padded on the left, so that END is the same column in both.

    Attributes:
        layouts: the tokens of each side.
        end: the column of END, `row`.
        rows: the indices of all rows, `row`.
        intervals: the confidence intervals computed from the measurements so far.
        readout: what is read at END; logits are `row d_vocab`, scores `prompt`.
        parallel: whether the attention and the MLP of a layer read the same residual stream.
    """

    name: str

    def __init__(
        self,
        loaded_model: LoadedModel,
        batch: PromptBatch,
        progress: Progress = no_progress,
        *,
        padding: Padding = "right",
        score: ScoreFunction | None = None,
    ) -> None:
        self.loaded_model = loaded_model
        self.batch = batch
        self.progress = progress
        self.padding: Padding = "left" if batch.by_labels else padding
        self.parallel = is_parallel(loaded_model.bridge)
        self.device = next(loaded_model.bridge.parameters()).device
        self.prompt_rows = prompt_rows(batch)
        pairs = [batch.pairs[row.pair] for row in self.prompt_rows]
        sides: dict[Side, list[Prompt]] = {
            "clean": [pair.clean for pair in pairs],
            "corrupt": [pair.corrupt for pair in pairs],
        }
        tokens = {
            side: [row.tokens(prompt) for row, prompt in zip(self.prompt_rows, prompts, strict=True)]
            for side, prompts in sides.items()
        }
        self.width = max(len(row) for rows in tokens.values() for row in rows)
        self.layouts: dict[Side, PromptLayout] = {
            side: PromptLayout(
                tokens[side],
                [row.labels(prompt) for row, prompt in zip(self.prompt_rows, prompts, strict=True)],
                width=self.width,
                padding=self.padding,
                device=self.device,
            )
            for side, prompts in sides.items()
        }
        self.end = self.layouts["clean"].end
        self.rows = torch.arange(len(self.prompt_rows), device=self.device)
        self.readout = Readout(batch, self.prompt_rows, self.device, score)
        self.intervals = IntervalCache()
        self.supported = SupportedMeasurements(loaded_model, batch, parallel=self.parallel)
        self._patterns: dict[Node, Tensor] = {}

    def measure(self, quantity: Quantity) -> Floats:
        """Return the measurement of a quantity, `row prompt` or in the shape of its kind.

        Raises:
            MiChecksError: the quantity is undefined for this model, or a value is NaN or infinite.
        """
        with torch.no_grad():
            return quantity.compute(self)

    @abstractmethod
    def scores(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """Return the logit difference under each intervention, `intervention prompt`.

        Args:
            interventions: the interventions, each of which is made in a run of its own.
            title: the title of the progress bar.

        Raises:
            MiChecksError: an intervention is undefined for this model, or a logit that is read is NaN or infinite.
        """

    @abstractmethod
    def edge_scores(self, circuits: list[EdgeCircuit], title: str = "edges") -> Floats:
        """Return the logit difference in the run of each circuit, `circuit prompt`.

        Args:
            circuits: the circuits of edges.
            title: the title of the progress bar.

        Raises:
            MiChecksError: the layers of this model are parallel, or a logit that is read is NaN or infinite.
        """

    @abstractmethod
    def score_direction(self) -> Tensor:
        """Return the vector whose product with a part of the final stream at END is the part's logit difference.

        It is `row d_model`, float32, with the final norm's scale frozen at its value in the clean run. It is defined
        only for scores that are linear in the logits.
        """

    @abstractmethod
    def activation_direction(self, node: Node, direction: Tensor) -> Tensor:
        """Return the direction in a layer's activations that corresponds to one in the residual stream, `row d_model`.

        Its product with all heads' z (`row head d_head`) or all neurons (`row d_mlp`) equals the product of what they
        write with the direction.
        """

    @abstractmethod
    def stream_output(self, node: Node, own: Tensor) -> Tensor:
        """Return what a node writes, `row d_model`, from its layer's activations, `row …`, without output biases."""

    @abstractmethod
    def receiver_input(self, receiver: Node, whole: Tensor, part: Tensor) -> Tensor:
        """Return what a head's query, key or value reads of a part of the stream before its layer, `row d_head`.

        Args:
            receiver: a query, key or value.
            whole: the stream, which sets the norm's scale, `row d_model`.
            part: the part, `row d_model`; biases are left out.
        """

    @abstractmethod
    def activation(self, side: Side, node: Node) -> Tensor:
        """Return the activations of the whole layer of a node in the clean or corrupted run, `row pos …`."""

    @abstractmethod
    def padded_pattern(self, head: Node, rows: Tensor) -> Tensor:
        """Return a head's attention pattern in some rows of the clean run, `row destination source`."""

    @abstractmethod
    def unpatched_logits(self, side: Side) -> Tensor:
        """Return the logits at END without intervention, `row d_vocab`, float32."""

    def promoted_tokens(self, neuron: Node, count: int) -> Floats:  # noqa: ARG002
        """Return the tokens a neuron promotes and suppresses by its output weights; empty if they are unknown.

        Returns:
            The `count` tokens it promotes most and the `count` it suppresses most, the latter last, as rows of token id
            and logits per unit of activation, before the final norm's scale and minus the mean over the vocabulary.
        """
        return np.empty((0, 2))

    @cached_property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run, without intervention."""
        return UnpatchedRuns(clean=self._run_side("clean"), corrupt=self._run_side("corrupt"))

    def replacement(self, intervention: Intervention, node: Node) -> Tensor:
        """Return the new activations for a node's whole layer, `row pos …`.

        If clean and corrupt prompts correspond only at their labels, only the positions of the label are meaningful.

        Raises:
            MiChecksError: a mean or resample ablation at a label that has more tokens in some prompts than in others.
        """
        run = self.layouts[intervention.run]
        if intervention.value in ("clean", "corrupt"):
            other = self.activation(intervention.value, node)
            if not self.batch.by_labels:
                return other
            return self._realigned(other, str(intervention.at), intervention.value, intervention.run)
        own = self.activation(intervention.run, node)
        if intervention.value == "zero":
            return torch.zeros_like(own)
        values_of = mean_ablation_values if intervention.value == "mean" else resample_ablation_values
        return values_of(own, node, intervention.at, run, self.prompt_rows)

    def _realigned(self, activation: Tensor, label: str, from_side: Side, to_side: Side) -> Tensor:
        """Return one side's activations, moved to where the other side has the same token of the label, `row pos …`."""
        source = torch.arange(self.width, device=self.device).repeat(len(self.rows), 1)
        sides = (self.layouts[to_side].columns(label), self.layouts[from_side].columns(label))
        for row, (columns, others) in enumerate(zip(*sides, strict=True)):
            source[row, columns] = torch.tensor(others, device=self.device)
        return activation[self.rows[:, None], source]

    def attention_by_position(self, head: Node, prompt: int | None = None) -> Tensor:
        """Return a head's attention in the clean run of the bare prompts, by position, `prompt destination source`.

        Args:
            head: the head.
            prompt: the index of the only prompt that is wanted; None for all.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        self.supported.require_guards("attention", "attention cannot be read")
        if head in self._patterns:
            return self._patterns[head] if prompt is None else self._patterns[head][prompt, None]
        with torch.no_grad():
            bare = self.readout.bare_rows
            rows = bare if prompt is None else bare[prompt, None]
            pattern = self.padded_pattern(head, rows).float()
            columns = torch.arange(self.width, device=self.device) + self.layouts["clean"].begin[rows, None]
            columns = columns % self.width
            pattern = pattern.take_along_dim(columns[:, :, None], 1).take_along_dim(columns[:, None], 2).cpu()
        if prompt is None:
            self._patterns[head] = pattern
        return pattern

    def mask(self, side: Side, at: str | int | None) -> Tensor:
        """Return a mask of where an intervention at this label or position acts in a run, `row pos`."""
        return self.layouts[side].mask(at)

    def padding_arguments(self, side: Side) -> dict[str, Tensor]:
        """Return the arguments that tell a bridge about padding on the left; on the right it needs none."""
        if self.padding == "right":
            return {}
        layout = self.layouts[side]
        return {"attention_mask": layout.is_token.long(), "position_ids": layout.positions.clamp(min=0)}

    def require_finite(self, values: Tensor, what: str) -> Floats:
        """Return values, `… prompt`, as float64.

        Raises:
            MiChecksError: a value is NaN or infinite; the message names the first prompt with such a value.
        """
        not_finite = (~torch.isfinite(values)).reshape(-1, len(self.batch)).any(0).nonzero()
        if len(not_finite):
            text = self.batch.pairs[int(not_finite[0])].clean.text
            raise MiChecksError(
                f"{self.loaded_model.name}: {len(not_finite)} of {len(self.batch)} prompts give NaN or infinite "
                f"{what}, first prompt {int(not_finite[0])}: {text!r}; check the weights, or use --mi-dtype float32"
            )
        return values.double().cpu().numpy()

    def score_logits(self, logits: Tensor) -> Tensor:
        """Return the score of logits `… row d_vocab`, by default logit(answer) − logit(foils), `… prompt`."""
        return self.readout.score(logits)

    def _require_finite_logits(self, logits: Tensor, side: Side) -> None:
        row_sums = logits.sum(-1)  # over the whole vocabulary, of which the score may read only a few tokens
        prompt_sums = torch.zeros(len(self.batch), device=self.device, dtype=row_sums.dtype)
        pairs = torch.tensor([row.pair for row in self.prompt_rows], device=self.device)
        self.require_finite(prompt_sums.index_add_(0, pairs, row_sums), f"logits at {END} on the {side} prompts")

    def _run_side(self, side: Side) -> SideRun:
        logits = self.unpatched_logits(side)
        self._require_finite_logits(logits, side)
        floor = relative_floor(next(self.loaded_model.bridge.parameters()).dtype)
        beats, is_top = self.readout.answer_wins(logits, floor)
        top = logits[self.readout.bare_rows].softmax(-1).topk(min(N_TOP_TOKENS, logits.shape[-1]))
        return SideRun(
            logit_diff=self.require_finite(self.score_logits(logits), f"logits at {END} on the {side} prompts"),
            beats_foils=beats.cpu().numpy(),
            is_top=is_top.cpu().numpy(),
            top_tokens=top.indices.cpu().numpy(),
            top_probabilities=top.values.double().cpu().numpy(),
            rounding=self.readout.rounding(logits, floor).double().cpu().numpy(),
        )
