"""What every engine shares: the batch as tensors, where an intervention acts, what it puts there, and what is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mi_checks.engine.attended import attended
from mi_checks.engine.attribution_patching import attribution_patching
from mi_checks.engine.base_run import TOP, BaseRun, Floats, SideRun
from mi_checks.engine.changes import changes
from mi_checks.engine.composition import input_shares
from mi_checks.engine.direct import direct, from_sources
from mi_checks.engine.donors import averaged, resampled
from mi_checks.engine.edge_circuits import EdgeCircuit
from mi_checks.engine.families import is_parallel
from mi_checks.engine.interventions import Intervention, Side
from mi_checks.engine.layout import Layout, Padding, rows_of
from mi_checks.engine.nodes import Component, Node
from mi_checks.engine.readout import Readout, ScoreFunction
from mi_checks.engine.rounding import relative_floor
from mi_checks.errors import MiChecksError
from mi_checks.models.subject import Subject
from mi_checks.prompts.batch import END, Prompt, PromptBatch

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]


def no_progress(items: Iterable[Any], _total: int, _title: str) -> Iterable[Any]:
    """A progress bar that shows nothing."""
    return items


class Engine(ABC):
    """Measures interventions on one subject over one batch of prompts.

    Rows of different lengths are padded on one side. On the right causal attention keeps the padding out of sight; on
    the left it is masked, and positions are counted from a row's first token. Where clean and corrupt correspond at
    their labels alone they are padded on the left, so that END is one column in both.

    Attributes:
        layouts: the tokens of each side.
        end: the column of END, `row`.
        rows: all rows' indices, `row`.
        readout: what is read at END; logits are `row d_vocab`, scores `prompt`.
        parallel: whether the attention and the MLP of a layer read the same residual stream.
    """

    name: str

    def __init__(
        self,
        subject: Subject,
        batch: PromptBatch,
        progress: Progress = no_progress,
        *,
        padding: Padding = "right",
        score: ScoreFunction | None = None,
    ) -> None:
        self.subject = subject
        self.batch = batch
        self.progress = progress
        self.padding: Padding = "left" if batch.by_labels else padding
        self.parallel = is_parallel(subject.bridge)
        self.device = next(subject.bridge.parameters()).device
        self.run_rows = rows_of(batch)
        pairs = [batch.pairs[row.pair] for row in self.run_rows]
        sides: dict[Side, list[Prompt]] = {
            "clean": [pair.clean for pair in pairs],
            "corrupt": [pair.corrupt for pair in pairs],
        }
        tokens = {
            side: [row.tokens(prompt) for row, prompt in zip(self.run_rows, prompts, strict=True)]
            for side, prompts in sides.items()
        }
        self.width = max(len(row) for rows in tokens.values() for row in rows)
        self.layouts: dict[Side, Layout] = {
            side: Layout(
                tokens[side],
                [row.labels(prompt) for row, prompt in zip(self.run_rows, prompts, strict=True)],
                width=self.width,
                padding=self.padding,
                device=self.device,
            )
            for side, prompts in sides.items()
        }
        self.end = self.layouts["clean"].end
        self.rows = torch.arange(len(self.run_rows), device=self.device)
        self.readout = Readout(batch, self.run_rows, self.device, score)
        self._patterns: dict[Node, Tensor] = {}

    @abstractmethod
    def measure(self, interventions: list[Intervention], title: str = "patching") -> Floats:
        """The logit difference under each intervention, `intervention prompt`.

        Raises:
            MiChecksError: one of them has no meaning in this model, or a logit that is read is NaN or infinite.
        """

    @abstractmethod
    def measure_edges(self, circuits: list[EdgeCircuit], title: str = "edges") -> Floats:
        """The logit difference of each circuit's run, `circuit prompt`.

        Raises:
            MiChecksError: the layers of this model are parallel, or a logit that is read is NaN or infinite.
        """

    @abstractmethod
    def direction(self) -> Tensor:
        """What a vector in the final stream at END is multiplied with to give its part of the logit difference.

        `row d_model`, float32; the final norm's scale is frozen at what it is in the clean run. For linear scores only.
        """

    @abstractmethod
    def onto(self, node: Node, direction: Tensor) -> Tensor:
        """Of all heads (their z, `row head d_head`) or neurons (`row d_mlp`) of a layer, what they are multiplied with.

        So that what they write is multiplied with the direction, `row d_model`.
        """

    @abstractmethod
    def writes(self, node: Node, own: Tensor) -> Tensor:
        """What a node writes, `row d_model`, its layer's activations being `row …`; output biases are nobody's."""

    @abstractmethod
    def taken(self, receiver: Node, whole: Tensor, part: Tensor) -> Tensor:
        """What a head's query, key or value takes of a part of the stream before its layer, `row d_head`.

        Both are `row d_model`; the norm's scale is that of the whole, and biases are left out.
        """

    @abstractmethod
    def activation(self, side: Side, node: Node) -> Tensor:
        """The activations of all of a node's layer in the clean or corrupt run, `row pos …`."""

    @abstractmethod
    def pattern(self, head: Node) -> Tensor:
        """A head's attention pattern in the clean run, `row destination source`."""

    @abstractmethod
    def base_logits(self, side: Side) -> Tensor:
        """Logits at END without intervention, `row d_vocab`, float32."""

    def direct(self, nodes: list[Node]) -> Floats:
        """What each node writes directly into the clean logit difference, `node prompt`.

        The final norm's scale is frozen at what it is in the clean run; nodes are heads, neurons, whole layers, or the
        residual stream somewhere, of which `L0.resid_pre` is the embedding. See `mi_checks.engine.direct`.

        Raises:
            MiChecksError: the score is not linear in the logits, or the model caps these.
            ValueError: a node writes nothing.
        """
        with torch.no_grad():
            return direct(self, nodes)

    def from_sources(self, head: Node, prompt: int) -> Floats:
        """What a head writes directly into the clean logit difference of one prompt, by the token it takes it from.

        `source`; they add up to what `direct` says of the head in that prompt.

        Raises:
            MiChecksError: as `direct`.
        """
        with torch.no_grad():
            return from_sources(self, head, prompt)

    def promoted(self, neuron: Node, count: int) -> Floats:  # noqa: ARG002
        """What a neuron promotes and suppresses by its output weights; nothing where these are not known.

        Returns:
            The `count` tokens it promotes most and the `count` it suppresses most, the latter last, as rows of token
            id and logits per unit of activation, before the final norm's scale and less the mean over the vocabulary.
        """
        return np.empty((0, 2))

    def ranks(self, tokens: npt.NDArray[np.int64]) -> Floats:
        """Return how many tokens are more probable than each of these after the clean prompts, `prompt token`.

        Args:
            tokens: ids, `prompt token`.
        """
        with torch.no_grad():
            logits = self.base_logits("clean")[self.readout.first]  # prompt d_vocab
            wanted = torch.from_numpy(tokens).to(self.device)
            found = [(logits > logits.gather(1, column[:, None])).sum(1) for column in wanted.T]
            return torch.stack(found, 1).double().cpu().numpy()

    def activity(self, neuron: Node) -> Floats:
        """A neuron in the clean run of the bare prompts, `prompt pos` by position; 0 behind a prompt's last token."""
        with torch.no_grad():
            first, layout = self.readout.first, self.layouts["clean"]
            own = self.activation("clean", neuron)[first, :, neuron.index].float()
            columns = torch.arange(self.width, device=self.device) + layout.begin[first, None]
            own = own.take_along_dim(columns % self.width, 1)
            lengths = torch.tensor([len(pair.clean.tokens) for pair in self.batch.pairs], device=self.device)
            own = torch.where(torch.arange(self.width, device=self.device) < lengths[:, None], own, 0)
            return self.finite(own.T, f"in {neuron}").T

    def attribution_patching(self, component: Component, at: str | int | None = None) -> Floats:
        """About what denoising each of a component's nodes does, `node prompt`; see `attribution_patching`."""
        return attribution_patching(self, component, at)

    def input_shares(self, sender: Node, receiver: Node, at: str) -> Floats:
        """How much of a query, key or value comes from what a sender writes, `prompt`; see `input_shares`."""
        return input_shares(self, sender, receiver, at)

    def changes(self, intervention: Intervention) -> Floats:
        """Return whether an intervention changes anything, and anything that END can see, `2 prompt`; see `changes`.

        Raises:
            MiChecksError: as `measure`.
        """
        self.admit([intervention])
        return changes(self, intervention)

    def admit(self, interventions: list[Intervention]) -> None:
        """Raise if an intervention is undefined for this model.

        Raises:
            MiChecksError: a guard of this model failed on which it rests; the layers are parallel, and one of them is
                on the residual stream between a layer's attention and MLP, or on the path from one to the other; or
                clean and corrupt correspond at their labels alone, and one patches at no label.
        """
        for intervention in interventions:
            self._admit_guarded(intervention)
            self._admit_place(intervention)
            if self.parallel:
                self._admit_parallel(intervention)

    def _admit_guarded(self, intervention: Intervention) -> None:
        if intervention.hops:
            self.refuse("paths", "paths cannot be measured")
        for node in (*intervention.nodes, *(receiver for hop in intervention.hops for receiver in hop)):
            self.admit_neurons(node, f"{node} cannot be patched")
            self.refuse(node.kind, f"{node} cannot be patched")

    def admit_neurons(self, node: Node, words: str) -> None:
        """Raise if a node is a neuron of a model whose neurons cannot be named.

        Args:
            node: any node.
            words: what is refused, as a sentence without its reason.

        Raises:
            MiChecksError: it is one.
        """
        if node.kind == "neuron" and self.subject.shape.no_neurons:
            raise MiChecksError(f"{self.subject.name}: {words} on this model: {self.subject.shape.no_neurons}")

    def refuse(self, what: str, words: str) -> None:
        """Raise if a guard of this model failed on which something rests.

        Args:
            what: a kind of node, `paths`, `attribution` or `attention`.
            words: what is refused, as a sentence without its reason.

        Raises:
            MiChecksError: a guard failed.
        """
        reason = self.subject.guards.refusal(what)
        if reason is not None:
            raise MiChecksError(f"{self.subject.name}: {words} on this model: {reason}")

    def _admit_place(self, intervention: Intervention) -> None:
        if not self.batch.by_labels or intervention.value not in ("clean", "corrupt"):
            return
        if not isinstance(intervention.at, str):
            where = "all positions" if intervention.at is None else f"position {intervention.at}"
            raise MiChecksError(
                f"{self.subject.name}: {where} of clean and corrupt prompts that correspond at their labels alone "
                "(align: labels) have nothing in common to patch; name a label (`at`)"
            )
        if any(node.kind == "pattern" for node in intervention.nodes):
            raise MiChecksError(
                f"{self.subject.name}: the attention pattern of {intervention.nodes[0]} is over all positions, and "
                "clean and corrupt prompts correspond at their labels alone (align: labels); patch its z, q, k or v"
            )

    def _admit_parallel(self, intervention: Intervention) -> None:
        why = "whose attention and MLP of a layer read the same residual stream"
        for node in intervention.nodes:
            if node.kind == "resid_mid":
                raise MiChecksError(f"{self.subject.name}: there is no {node} in this model, {why}")
        if intervention.hops:
            for before, hop in pairwise((intervention.nodes, *intervention.hops)):
                for sender, receiver in product(before, hop):
                    if receiver.kind == "mlp" and receiver.layer == sender.layer:
                        raise MiChecksError(
                            f"{self.subject.name}: there is no path from {sender} to {receiver} in this model, {why}"
                        )

    def admit_edges(self) -> None:
        """Raise if edges are not measured in this model.

        Raises:
            MiChecksError: a guard of this model failed on which they rest, or its layers are parallel.
        """
        for what in ("paths", "head", "q", "k", "v"):
            self.refuse(what, "edges cannot be measured")
        if self.parallel:
            raise MiChecksError(
                f"{self.subject.name}: edges are not measured in a model whose attention and MLP of a layer read the "
                "same residual stream; make it a claim about nodes, or about paths (into)"
            )

    @cached_property
    def base(self) -> BaseRun:
        """The clean and the corrupt run, without intervention."""
        return BaseRun(clean=self._side("clean"), corrupt=self._side("corrupt"))

    def replacement(self, intervention: Intervention, node: Node) -> Tensor:
        """What is put in the node's place: its layer's whole activation tensor, `row pos …`.

        Where clean and corrupt correspond at their labels alone, only what stands at the label is meant.

        Raises:
            MiChecksError: a mean or resample ablation at a label that has more tokens in some prompts than in others.
        """
        run = self.layouts[intervention.run]
        if intervention.value in ("clean", "corrupt"):
            other = self.activation(intervention.value, node)
            if not self.batch.by_labels:
                return other
            return self._moved(other, str(intervention.at), intervention.value, intervention.run)
        own = self.activation(intervention.run, node)
        if intervention.value == "zero":
            return torch.zeros_like(own)
        donate = averaged if intervention.value == "mean" else resampled
        return donate(own, node, intervention.at, run, self.run_rows)

    def _moved(self, activation: Tensor, label: str, origin: Side, to: Side) -> Tensor:
        """One side's activations, each where the other side's token of the same label stands, `row pos …`."""
        source = torch.arange(self.width, device=self.device).repeat(len(self.rows), 1)
        sides = (self.layouts[to].columns(label), self.layouts[origin].columns(label))
        for row, (columns, others) in enumerate(zip(*sides, strict=True)):
            source[row, columns] = torch.tensor(others, device=self.device)
        return activation[self.rows[:, None], source]

    def attention(self, head: Node) -> Tensor:
        """A head's attention in the clean run of the bare prompts, by position, `prompt destination source`.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        self.refuse("attention", "attention cannot be read")
        with torch.no_grad():
            first = self.readout.first
            pattern = self.pattern(head)[first].float()
            columns = (
                torch.arange(self.width, device=self.device) + self.layouts["clean"].begin[first, None]
            ) % self.width
            pattern = pattern.take_along_dim(columns[:, :, None], 1).take_along_dim(columns[:, None], 2)
            return pattern.cpu()

    def attended(self, head: Node, destination: str, source: str) -> Floats:
        """Attention from the last token of one label to all tokens of another in the clean run, `prompt`."""
        if head not in self._patterns:
            self._patterns[head] = self.attention(head)
        return attended(self._patterns[head], self.batch, destination, source)

    def attention_of(self, head: Node, prompt: int) -> Floats:
        """A head's attention in the clean run of one bare prompt, `destination source`."""
        if head not in self._patterns:
            self._patterns[head] = self.attention(head)
        length = len(self.batch.pairs[prompt].clean.tokens)
        pattern: Floats = self._patterns[head][prompt, :length, :length].double().numpy()
        return pattern

    def mask(self, side: Side, at: str | int | None) -> Tensor:
        """True where an intervention on a run at this label or position acts, `row pos`."""
        return self.layouts[side].mask(at)

    def padding_arguments(self, side: Side) -> dict[str, Tensor]:
        """What a bridge must be told of padding on the left; on the right, causal attention leaves it out."""
        if self.padding == "right":
            return {}
        layout = self.layouts[side]
        return {"attention_mask": layout.real.long(), "position_ids": layout.positions.clamp(min=0)}

    def finite(self, values: Tensor, where: str) -> Floats:
        """`… prompt` values as float64.

        Raises:
            MiChecksError: one of them is NaN or infinite; the message names the first prompt with one.
        """
        bad = (~torch.isfinite(values)).reshape(-1, len(self.batch)).any(0).nonzero()
        if len(bad):
            text = self.batch.pairs[int(bad[0])].clean.text
            raise MiChecksError(
                f"{self.subject.name}: {len(bad)} of {len(self.batch)} prompts give NaN or infinite logits at {END} "
                f"{where}, first prompt {int(bad[0])}: {text!r}; check the weights, or use --mi-dtype float32"
            )
        return values.double().cpu().numpy()

    def difference(self, logits: Tensor) -> Tensor:
        """Logits `… row d_vocab` → the score, by default logit(answer) − logit(foils), `… prompt`."""
        return self.readout.score(logits)

    def _finite_logits(self, logits: Tensor, side: Side) -> None:
        rows = logits.sum(-1)  # of a whole vocabulary, of which the score may read few
        bad = torch.zeros(len(self.batch), device=self.device, dtype=rows.dtype)
        pairs = torch.tensor([row.pair for row in self.run_rows], device=self.device)
        self.finite(bad.index_add_(0, pairs, rows), f"on the {side} prompts")

    def _side(self, side: Side) -> SideRun:
        logits = self.base_logits(side)
        self._finite_logits(logits, side)
        floor = relative_floor(next(self.subject.bridge.parameters()).dtype)
        beats, is_top = self.readout.wins(logits, floor)
        top = logits[self.readout.first].softmax(-1).topk(min(TOP, logits.shape[-1]))
        return SideRun(
            logit_diff=self.finite(self.difference(logits), f"on the {side} prompts"),
            beats_foils=beats.cpu().numpy(),
            is_top=is_top.cpu().numpy(),
            top_tokens=top.indices.cpu().numpy(),
            top_probabilities=top.values.double().cpu().numpy(),
            rounding=self.readout.rounding(logits, floor).double().cpu().numpy(),
        )
