"""The independent oracle: a `transformers` model in float64, with forward hooks on its own modules.

It says what the quantities of this project are without any part of it: an `Intervention` is read as its documentation
says, and nothing else of the project is used. `transformers` computes some softmaxes and norms in float32 whatever the
weights are, so that its numbers are exact to about 1e-7 of their size.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import PromptBatch
from tests.zoo.anatomy import anatomy
from tests.zoo.hooks import Edits, edited
from tests.zoo.norms import frozen
from tests.zoo.patches import put
from tests.zoo.run import Run, Undefined, adds, columns_of, down_of

Floats = npt.NDArray[np.float64]
Sent = dict[tuple[int, str], Tensor]  # what each sublayer (layer, `attn` or `mlp`) adds differently, `row pos d_model`
# In which a layer computes them: what looks at a value must see what is put there before.
ORDER = ("resid_pre", "q", "k", "v", "pattern", "head", "attn", "resid_mid", "neuron", "mlp", "resid_post")
NO_SUM = "the residual stream is no sum of what is written to it"


class Oracle:
    """One model and one batch of prompts.

    Attributes:
        model: the model, in float64.
        anatomy: where its parts are.
        batch: prompts, padded on the right, where causal attention does not see it.
    """

    def __init__(self, model: Any, batch: PromptBatch) -> None:
        self.model, self.batch, self.anatomy = model, batch, anatomy(model)
        self.layers = self.anatomy.layers
        self.width = max(len(p.tokens) for pair in batch.pairs for p in (pair.clean, pair.corrupt))
        self.end = torch.tensor([len(pair.clean.tokens) - 1 for pair in batch.pairs])
        self.rows = torch.arange(len(batch))

    def tokens(self, side: str) -> Tensor:
        """Return the tokens of one side, `row pos`."""
        prompts = [getattr(pair, side).tokens for pair in self.batch.pairs]
        return torch.tensor([[*tokens, *[0] * (self.width - len(tokens))] for tokens in prompts])

    def difference(self, logits: Tensor) -> Floats:
        """Return logit(answer) − mean logit(foils) at END of logits `row pos token`, `prompt`."""
        scores = [
            row[pair.answer_tokens[0][0]] - torch.stack([row[foil[0]] for foil in pair.foil_tokens]).mean()
            for row, pair in zip(logits[self.rows, self.end], self.batch.pairs, strict=True)
        ]
        return torch.stack(scores).double().numpy()

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The clean and the corrupted run."""
        return {side: Run(self.model, self.anatomy, self.tokens(side)) for side in ("clean", "corrupt")}

    def base(self, side: str) -> Floats:
        """Return the logit difference of a run without interventions, `prompt`."""
        return self.difference(self.runs[side].logits)

    def measure(self, intervention: Intervention) -> Floats:
        """Return the logit difference under an intervention, `prompt`.

        Raises:
            Undefined: there is no such node, or it is a path in a model whose residual stream is no sum of what is
                written to it.
        """
        edits = self._along(intervention) if intervention.hops else self._replacing(intervention)
        with torch.no_grad(), edited(edits):
            logits = self.model(self.tokens(intervention.run), use_cache=False).logits
        return self.difference(logits)

    # What is put in a node's place

    def places(self, at: str | int | None) -> Tensor:
        """Return where an intervention acts, `row pos`."""
        columns = torch.arange(self.width).repeat(len(self.batch), 1)
        if at is None:
            return columns <= self.end[:, None]
        if isinstance(at, int):
            return (columns == at) & (columns <= self.end[:, None])
        there = torch.zeros_like(columns, dtype=torch.bool)
        for row, pair in enumerate(self.batch.pairs):
            there[row, list(pair.clean.labels[at])] = True
        return there

    def _donated(self, intervention: Intervention, node: Node) -> Tensor:
        """Return what is put in the place of all of a node's layer, `row pos …`."""
        own = self.runs[intervention.run].activation(node)
        if intervention.value in ("clean", "corrupt"):
            return self.runs[intervention.value].activation(node)
        if intervention.value == "zero":
            return torch.zeros_like(own)
        assert intervention.value == "mean", "the oracle does not resample"
        assert intervention.at is None or isinstance(intervention.at, int)  # at labels prompts meet by their tokens
        place = 2 if node.kind == "pattern" else 1
        weights = self.places(None).double()
        weights = weights.view(len(own), *[1] * (place - 1), self.width, *[1] * (own.dim() - place - 1))
        return ((own * weights).sum(0) / weights.sum(0).clamp(min=1)).expand_as(own)

    def _replacing(self, intervention: Intervention) -> Edits:
        edits, there = Edits(), self.places(intervention.at)
        for node in sorted(intervention.nodes, key=lambda node: ORDER.index(node.kind)):
            edits += put(self.layers[node.layer], node, self._donated(intervention, node), there)
        return edits

    # Paths

    def _along(self, intervention: Intervention) -> Edits:
        if not all(layer.additive for layer in self.layers):
            raise Undefined(NO_SUM)
        sent = self._sent(intervention)
        *inner, last = intervention.hops
        for hop in inner:
            sent = self._passed_on(intervention.run, hop, sent)
        edits = Edits()
        for receiver in last:
            edits += self._seeing(receiver, sent)
        return edits

    def _sent(self, intervention: Intervention) -> Sent:
        """Return what each sublayer adds differently where its nodes are replaced, all else being as in the run."""
        there, run = self.places(intervention.at), self.runs[intervention.run]
        together: dict[tuple[int, str], list[Node]] = {}
        for node in intervention.nodes:
            together.setdefault((node.layer, node.kind), []).append(node)
        sent: Sent = {}
        for (index, kind), nodes in together.items():
            own, donated = run.activation(nodes[0]), self._donated(intervention, nodes[0])
            new = own.clone()
            if kind in ("attn", "mlp"):
                new[there] = donated[there]
                change = new - own
            else:
                for node in nodes:
                    mask = there[..., None] if kind == "head" else there
                    new[:, :, node.index] = torch.where(mask, donated[:, :, node.index], own[:, :, node.index])
                change = adds(self.layers[index], kind, new) - adds(self.layers[index], kind, own)
            sublayer = "attn" if kind in ("head", "attn") else "mlp"
            sent[index, sublayer] = sent.get((index, sublayer), torch.zeros(())) + change
        return sent

    def _before(self, receiver: Node, sent: Sent) -> Tensor:
        """Return the difference that has been added to the stream where a receiver reads it, `row pos d_model`."""
        total = torch.zeros_like(self.runs["clean"].stream(0))
        for (layer, sublayer), change in sent.items():
            same = receiver.kind == "mlp" and sublayer == "attn" and layer == receiver.layer
            if receiver.kind == "logits" or layer < receiver.layer or same:
                total = total + change
        return total

    def _seeing(self, receiver: Node, sent: Sent) -> Edits:
        """Return the edits by which one input alone sees a difference, on top of what the run makes it see."""
        delta = self._before(receiver, sent)
        if receiver.kind == "logits":
            return Edits(inputs=((self.anatomy.final, lambda stream: stream + delta),))
        layer, seen = self.layers[receiver.layer], {}

        def look(value: Tensor) -> Tensor:
            seen["stream"] = value.reshape(delta.shape).clone()
            return value

        if receiver.kind == "mlp":
            reads = layer.mlp_reads

            def normed(value: Tensor) -> Tensor:
                stream = (seen["stream"] if reads else value.reshape(delta.shape)) + delta
                return (reads.forward(stream) if reads else stream).reshape(value.shape)

            looked = layer.block if layer.parallel else reads
            looking = ((looked, look),) if looked is not None else ()
            return Edits(inputs=(*looking, (layer.mlp, normed)))
        columns = columns_of(layer, receiver)

        def projected(output: Tensor) -> Tensor:
            stream = seen["stream"] + delta
            new = columns.project(layer.reads.forward(stream) if layer.reads else stream)
            live = columns.read(output)
            live[:, :, receiver.index] = new[:, :, receiver.index]
            return columns.write(output, live)

        return Edits(inputs=((layer.block, look),), outputs=((columns.module, projected),))

    def _passed_on(self, side: str, hop: tuple[Node, ...], sent: Sent) -> Sent:
        """Return what the receivers of an inner hop add differently: those of one sublayer together, no others."""
        together: dict[tuple[int, str], list[Node]] = {}
        for receiver in hop:
            together.setdefault((receiver.layer, "mlp" if receiver.kind == "mlp" else "attn"), []).append(receiver)
        passed: Sent = {}
        for (index, sublayer), receivers in together.items():
            edits = Edits()
            for receiver in receivers:
                edits += self._seeing(receiver, sent)
            changed = Run(self.model, self.anatomy, self.tokens(side), edits)
            passed[index, sublayer] = changed.added(index, sublayer) - self.runs[side].added(index, sublayer)
        return passed

    # Direct logit attribution

    def direct(self, node: Node) -> Floats:
        """Return what a node writes directly into the clean logit difference, `prompt`.

        The final norm's scale, and that of a norm after the sublayer, are those of the clean run.

        Raises:
            Undefined: the logits are capped, or the residual stream is no sum of what is written to it.
        """
        self._admit_direct()
        own = self.runs["clean"].activation(node)
        if node.kind not in ("head", "neuron"):
            return self._onto(own)
        alone = torch.zeros_like(own)
        alone[:, :, node.index] = own[:, :, node.index]
        module = self._output(node)
        with torch.no_grad():
            flat = alone.reshape(*alone.shape[:2], -1)
            written = module.forward(flat) - module.forward(torch.zeros_like(flat))  # without the bias
        return self._after(node, written)

    def bias_of(self, node: Node) -> Floats:
        """Return what the bias of the output projection of a head's or a neuron's layer writes directly, `prompt`."""
        self._admit_direct()
        own, module = self.runs["clean"].activation(node), self._output(node)
        with torch.no_grad():
            return self._after(node, module.forward(torch.zeros_like(own.reshape(*own.shape[:2], -1))))

    def biases(self) -> Floats:
        """Return what the biases of the final norm and of the unembedding give the logit difference, `prompt`."""
        self._admit_direct()
        final = self.runs["clean"].stream(len(self.layers))
        return self.difference(self.runs["clean"].logits) - self._onto(final)

    def _admit_direct(self) -> None:
        if self.anatomy.soft_cap is not None:
            raise Undefined("the logits are capped")
        if not all(layer.additive for layer in self.layers):
            raise Undefined(NO_SUM)

    def _output(self, node: Node) -> Any:
        layer = self.layers[node.layer]
        return layer.o if node.kind == "head" else down_of(layer)

    def _after(self, node: Node, written: Tensor) -> Floats:
        """Return what a part of an output projection's output gives, through the norm after the sublayer."""
        layer, own = self.layers[node.layer], self.runs["clean"].activation(node)
        after = layer.after_attention if node.kind == "head" else layer.after_mlp
        with torch.no_grad():
            if after is not None:
                whole = self._output(node).forward(own.reshape(*own.shape[:2], -1))
                written = frozen(after, whole, written)
            return self._onto(written * layer.multiplier)

    def _onto(self, written: Tensor) -> Floats:
        """Return what a part of the final stream gives the logit difference, the final norm's scale being the run's."""
        with torch.no_grad():
            final, norm = self.runs["clean"].stream(len(self.layers)), self.anatomy.norm
            vector = written if norm is None else frozen(norm, final, written)
            if self.anatomy.project is not None:
                vector = self.anatomy.project.forward(vector)
            return self.difference(vector @ self.anatomy.unembed.weight.T * self.anatomy.logit_multiplier)
