"""The independent oracle: a `transformers` model in float64, with forward hooks on its own modules.

It says what the quantities of this project are without any part of it: an `Intervention` is read as its documentation
says, and nothing else of the project is used. `transformers` computes some softmaxes and norms in float32 whatever the
weights are, so that its numbers are exact to about 1e-7 of their size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import Module

from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import PromptBatch
from tests.zoo.anatomy import Anatomy, Columns, Layer, anatomy

Floats = npt.NDArray[np.float64]
Edit = Callable[[Tensor], Tensor]


class Undefined(Exception):
    """A quantity that has no meaning in this model."""


@dataclass(frozen=True, eq=False)
class Edits:
    """What is done to a run: to the inputs and to the outputs of modules, by functions that may see the run so far."""

    inputs: tuple[tuple[Module, Edit], ...] = ()
    outputs: tuple[tuple[Module, Edit], ...] = ()

    def __add__(self, other: Edits) -> Edits:
        return Edits(self.inputs + other.inputs, self.outputs + other.outputs)


class Oracle:
    """One model and one batch of prompts.

    Attributes:
        model: the model, in float64.
        batch: prompts, padded on the right, where causal attention does not see it.
    """

    def __init__(self, model: Any, batch: PromptBatch) -> None:
        self.model, self.batch = model, batch
        self.anatomy: Anatomy = anatomy(model)
        self.width = max(len(p.tokens) for pair in batch.pairs for p in (pair.clean, pair.corrupt))
        self.end = torch.tensor([len(pair.clean.tokens) - 1 for pair in batch.pairs])
        self.rows = torch.arange(len(batch))

    def tokens(self, side: str) -> Tensor:
        """Return the tokens of one side, `row pos`."""
        prompts = [getattr(pair, side).tokens for pair in self.batch.pairs]
        return torch.tensor([[*tokens, *[0] * (self.width - len(tokens))] for tokens in prompts])

    def difference(self, logits: Tensor) -> Floats:
        """Return logit(answer) − mean logit(foils) at END of logits `row pos token`, `prompt`."""
        at_end = logits[self.rows, self.end]
        scores = [
            row[pair.answer_tokens[0][0]] - torch.stack([row[foil[0]] for foil in pair.foil_tokens]).mean()
            for row, pair in zip(at_end, self.batch.pairs, strict=True)
        ]
        return torch.stack(scores).double().numpy()

    def logits(self, side: str, edits: Edits | None = None) -> Tensor:
        """Run one side, with edits or without; `row pos token`."""
        with torch.no_grad(), edited(edits or Edits()):
            return self.model(self.tokens(side), use_cache=False).logits

    @cached_property
    def runs(self) -> dict[str, Run]:
        """The clean and the corrupted run."""
        return {side: Run(self, side) for side in ("clean", "corrupt")}

    def base(self, side: str) -> Floats:
        """Return the logit difference of a run without interventions, `prompt`."""
        return self.difference(self.runs[side].logits)

    def activation(self, side: str, node: Node) -> Tensor:
        """Return the activations of all of a node's layer, `row pos …`."""
        return self.runs[side].activation(node)

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

    def replaced(self, intervention: Intervention, node: Node) -> Tensor:
        """Return the activations of a node's layer in its run, the node's own replaced, `row pos …`."""
        own, new = self.activation(intervention.run, node), self._donated(intervention, node)
        there = self.places(intervention.at)
        result = own.clone()
        if node.index is None:
            result[there] = new[there]
        elif node.kind == "pattern":
            selected = result[:, node.index]
            selected[there] = new[:, node.index][there]
            result[:, node.index] = selected
        else:
            selected = result[:, :, node.index]
            selected[there] = new[:, :, node.index][there]
            result[:, :, node.index] = selected
        return result

    def _donated(self, intervention: Intervention, node: Node) -> Tensor:
        own = self.activation(intervention.run, node)
        if intervention.value in ("clean", "corrupt"):
            return self.activation(intervention.value, node)
        if intervention.value == "zero":
            return torch.zeros_like(own)
        assert intervention.value == "mean", "the oracle does not resample"
        assert intervention.at is None or isinstance(intervention.at, int)  # at labels prompts meet by their tokens
        place = 2 if node.kind == "pattern" else 1
        weights = self.places(None).double()
        weights = weights.view(len(own), *[1] * (place - 1), self.width, *[1] * (own.dim() - place - 1))
        return ((own * weights).sum(0) / weights.sum(0).clamp(min=1)).expand_as(own)

    # Patching

    def measure(self, intervention: Intervention) -> Floats:
        """Return the logit difference under an intervention, `prompt`.

        Raises:
            Undefined: it is a path in a model whose residual stream is no sum of what is written to it.
        """
        edits = self._along(intervention) if intervention.hops else self._replacing(intervention)
        return self.difference(self.logits(intervention.run, edits))

    def _replacing(self, intervention: Intervention) -> Edits:
        edits = Edits()
        there = self.places(intervention.at)
        for node in intervention.nodes:
            edits += self._put(node, self.replaced(intervention, node), there)
        return edits

    def _put(self, node: Node, new: Tensor, there: Tensor) -> Edits:
        """Put a node's part of its layer's activations in its place, where an intervention acts."""
        layer, index = self.anatomy.layers[node.layer], node.index
        if node.kind in ("q", "k", "v"):
            columns = self.columns(node)

            def heads(output: Tensor) -> Tensor:
                live = columns.read(output)
                live[:, :, index] = torch.where(there[..., None], new[:, :, index], live[:, :, index])
                return columns.write(output, live)

            return Edits(outputs=((columns.module, heads),))
        if node.kind in ("head", "neuron"):
            module = layer.o if node.kind == "head" else self.down(layer)

            def part(value: Tensor) -> Tensor:
                live = value.reshape(new.shape).clone()
                mask = there[..., None] if node.kind == "head" else there
                live[:, :, index] = torch.where(mask, new[:, :, index], live[:, :, index])
                return live.reshape(value.shape)

            return Edits(inputs=((module, part),))
        if node.kind == "pattern":
            return self._put_pattern(layer, int(index or 0), new, there)
        if node.kind in ("resid_pre", "resid_post"):

            def stream(value: Tensor) -> Tensor:
                return torch.where(there[..., None], new, value)

            at_input = node.kind == "resid_pre"
            edit = ((layer.block, stream),)
            return Edits(inputs=edit) if at_input else Edits(outputs=edit)
        if node.kind == "resid_mid":
            return self._put_mid(layer, new, there)
        module = layer.attention_output if node.kind == "attn" else layer.mlp_output

        def whole(value: Tensor) -> Tensor:
            return torch.where(there[..., None], new / layer.multiplier, value.reshape(new.shape)).reshape(value.shape)

        return Edits(outputs=((module, whole),))

    def _put_pattern(self, layer: Layer, head: int, new: Tensor, there: Tensor) -> Edits:
        """A head's z is its pattern times the values, and these are the run's own."""
        seen: dict[str, Tensor] = {}

        def look(output: Tensor) -> Tensor:
            seen["v"] = layer.v.read(output).clone()
            return output

        def mixed(z: Tensor) -> Tensor:
            live = z.reshape(*new.shape[:1], self.width, new.shape[1], -1).clone()
            value = self.values(layer, seen["v"])[:, :, head]
            own = torch.einsum("rds,rsv->rdv", new[:, head].to(value.dtype), value)
            live[:, :, head] = torch.where(there[..., None], own, live[:, :, head])
            return live.reshape(z.shape)

        return Edits(inputs=((layer.o, mixed),), outputs=((layer.v.module, look),))

    def values(self, layer: Layer, projected: Tensor) -> Tensor:
        """Return what attention takes the mean of, for every head, `row pos head d_head`."""
        if layer.clip is not None:
            projected = projected.clamp(-layer.clip, layer.clip)
        return projected.repeat_interleave(len(layer.q.index) // projected.shape[2], 2)

    def _put_mid(self, layer: Layer, new: Tensor, there: Tensor) -> Edits:
        """What attention adds becomes what is missing between the live stream and the wanted one."""
        if layer.parallel:
            raise Undefined("the MLP reads the stream before attention: there is nothing between them")
        if layer.around_attention is None and not layer.additive:

            def normed(value: Tensor) -> Tensor:
                return torch.where(there[..., None], new, value)

            return Edits(outputs=((layer.block.self_attn_layer_norm, normed),))
        seen: dict[str, Tensor] = {}

        def look(value: Tensor) -> Tensor:
            around = layer.around_attention
            seen["stream"] = value.clone() if around is None else around.forward(value)
            return value

        def missing(value: Tensor) -> Tensor:
            return torch.where(there[..., None], (new - seen["stream"]) / layer.multiplier, value)

        return Edits(inputs=((layer.block, look),), outputs=((layer.attention_output, missing),))

    def columns(self, node: Node) -> Columns:
        """Return where the queries, keys or values of a node's layer stand.

        Raises:
            Undefined: heads have none of their own, as the keys of latent attention.
        """
        columns: Columns = getattr(self.anatomy.layers[node.layer], node.kind)
        if not len(columns.index):
            raise Undefined("a part of the key is shared by all heads")
        return columns

    def down(self, layer: Layer) -> Module:
        """Return the module whose input is a layer's neurons.

        Raises:
            Undefined: it is a mixture of experts.
        """
        if layer.down is None:
            raise Undefined("a mixture of experts has no one layer of neurons")
        return layer.down

    # Paths

    def _along(self, intervention: Intervention) -> Edits:
        if not all(layer.additive for layer in self.anatomy.layers):
            raise Undefined("the residual stream is no sum of what is written to it")
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
        run, by_sublayer = self.runs[intervention.run], {}
        for node in intervention.nodes:
            by_sublayer.setdefault((node.layer, node.kind), []).append(node)
        sent: Sent = {}
        for (index, kind), nodes in by_sublayer.items():
            own = self.activation(intervention.run, nodes[0])
            new = own.clone()
            for node in nodes:
                changed = self.replaced(intervention, node)
                if node.index is None:
                    new = changed
                else:
                    new[:, :, node.index] = changed[:, :, node.index]
            sublayer = "attn" if kind in ("head", "attn") else "mlp"
            change = new - own if kind in ("attn", "mlp") else run.adds(index, kind, new) - run.adds(index, kind, own)
            sent[index, sublayer] = sent.get((index, sublayer), 0) + change
        return sent

    def _before(self, receiver: Node, sent: Sent) -> Tensor:
        """Return the difference that has been added to the stream where a receiver reads it, `row pos d_model`."""
        total = torch.zeros(len(self.batch), self.width, self.runs["clean"].stream(0).shape[-1], dtype=torch.float64)
        for (layer, sublayer), change in sent.items():
            same = receiver.kind == "mlp" and sublayer == "attn" and layer == receiver.layer
            if receiver.kind == "logits" or layer < receiver.layer or same:
                total = total + change
        return total

    def _seeing(self, receiver: Node, sent: Sent) -> Edits:
        """Let one input alone see a difference, on top of what the run makes it see."""
        delta = self._before(receiver, sent)
        if receiver.kind == "logits":
            return Edits(inputs=((self.anatomy.final, lambda stream: stream + delta),))
        layer, seen = self.anatomy.layers[receiver.layer], {}

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
        columns = self.columns(receiver)

        def projected(output: Tensor) -> Tensor:
            stream = seen["stream"] + delta
            new = columns.project(layer.reads.forward(stream) if layer.reads else stream)
            live = columns.read(output)
            live[:, :, receiver.index] = new[:, :, receiver.index]
            return columns.write(output, live)

        return Edits(inputs=((layer.block, look),), outputs=((columns.module, projected),))

    def _passed_on(self, side: str, hop: tuple[Node, ...], sent: Sent) -> Sent:
        """Return what the receivers of an inner hop add differently, each alone in the run with those of its layer."""
        by_sublayer: dict[tuple[int, str], list[Node]] = {}
        for receiver in hop:
            by_sublayer.setdefault((receiver.layer, "mlp" if receiver.kind == "mlp" else "attn"), []).append(receiver)
        passed: Sent = {}
        for (index, sublayer), receivers in by_sublayer.items():
            edits = Edits()
            for receiver in receivers:
                edits += self._seeing(receiver, sent)
            changed = Run(self, side, edits)
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
        run = self.runs["clean"]
        if node.kind in ("attn", "mlp", "resid_pre", "resid_mid", "resid_post"):
            return self._onto(run.activation(node))
        layer = self.anatomy.layers[node.layer]
        own, module = run.activation(node), layer.o if node.kind == "head" else self.down(layer)
        alone = torch.zeros_like(own)
        alone[:, :, node.index] = own[:, :, node.index]
        with torch.no_grad():
            flat = alone.reshape(*alone.shape[:2], -1)
            written = module.forward(flat) - module.forward(torch.zeros_like(flat))  # without the bias
            after = layer.after_attention if node.kind == "head" else layer.after_mlp
            if after is not None:
                whole = module.forward(own.reshape(flat.shape))
                written = frozen(after, whole, written)
            return self._onto(written * layer.multiplier)

    def biases(self) -> Floats:
        """Return what the biases of the final norm and of the unembedding give the logit difference, `prompt`."""
        self._admit_direct()
        final = self.runs["clean"].stream(len(self.anatomy.layers))
        with torch.no_grad():
            return self.difference(self.runs["clean"].logits) - self._onto(final)

    def _admit_direct(self) -> None:
        if self.anatomy.soft_cap is not None:
            raise Undefined("the logits are capped")
        if not all(layer.additive for layer in self.anatomy.layers):
            raise Undefined("the residual stream is no sum of what is written to it")

    def _onto(self, written: Tensor) -> Floats:
        with torch.no_grad():
            final = self.runs["clean"].stream(len(self.anatomy.layers))
            vector = written if self.anatomy.norm is None else frozen(self.anatomy.norm, final, written)
            if self.anatomy.project is not None:
                vector = self.anatomy.project.forward(vector)
            unembed = self.anatomy.unembed.weight
            return self.difference(vector @ unembed.T * self.anatomy.logit_multiplier)


Sent = dict[tuple[int, str], Tensor]  # what each sublayer adds differently, `row pos d_model`


class Run:
    """What a run, with edits or without, has in it."""

    def __init__(self, oracle: Oracle, side: str, edits: Edits | None = None) -> None:
        self.oracle, self.layers, self._kept = oracle, oracle.anatomy.layers, {}
        inputs, outputs = set(), set()
        for layer in self.layers:
            inputs |= {layer.block, layer.o} | ({layer.down} if layer.down is not None else set())
            inputs |= {layer.mlp} | ({layer.mlp_reads} if layer.mlp_reads is not None else set())
            outputs |= {layer.q.module, layer.k.module, layer.v.module, layer.block}
            outputs |= {layer.attention_output, layer.mlp_output}
        inputs.add(oracle.anatomy.final)
        with torch.no_grad(), edited(edits or Edits()), kept(inputs, outputs, self._kept):
            found = oracle.model(oracle.tokens(side), use_cache=False, output_attentions=True)
        self.logits, self.patterns = found.logits, found.attentions

    def _of(self, place: str, module: Module) -> Tensor:
        value = self._kept[place, module]
        return value.reshape(len(self.oracle.batch), self.oracle.width, -1)

    def stream(self, layer: int) -> Tensor:
        """Return the residual stream before a layer, or after the last one, `row pos d_model`."""
        if layer == len(self.layers):
            return self._of("input", self.oracle.anatomy.final)
        return self._of("input", self.layers[layer].block)

    def added(self, layer: int, sublayer: str) -> Tensor:
        """Return what attention or the MLP adds to the stream, `row pos d_model`."""
        parts = self.layers[layer]
        module = parts.attention_output if sublayer == "attn" else parts.mlp_output
        return self._of("output", module) * parts.multiplier

    def adds(self, layer: int, kind: str, activations: Tensor) -> Tensor:
        """Return what a layer adds to the stream with these z or neurons, `row pos d_model`."""
        parts = self.layers[layer]
        module, after = (
            (parts.o, parts.after_attention) if kind == "head" else (self.oracle.down(parts), parts.after_mlp)
        )
        with torch.no_grad():
            written = module.forward(activations.reshape(*activations.shape[:2], -1))
            return (written if after is None else after.forward(written)) * parts.multiplier

    def activation(self, node: Node) -> Tensor:
        """Return the activations of all of a node's layer, `row pos …`; patterns `row head destination source`."""
        layer = self.layers[node.layer]
        match node.kind:
            case "head":
                z = self._of("input", layer.o)
                return z.reshape(*z.shape[:2], len(layer.q.index), -1)
            case "q" | "k" | "v":
                return self.oracle.columns(node).read(self._of("output", self.oracle.columns(node).module))
            case "pattern":
                return self.patterns[node.layer].double()
            case "neuron":
                return self._of("input", self.oracle.down(layer))
            case "attn" | "mlp":
                return self.added(node.layer, node.kind)
            case "resid_pre":
                return self.stream(node.layer)
            case "resid_post":
                return self._of("output", layer.block)
            case "resid_mid":
                return self._mid(node.layer)
        raise ValueError(node)

    def _mid(self, index: int) -> Tensor:
        layer = self.layers[index]
        if layer.parallel:
            raise Undefined("the MLP reads the stream before attention: there is nothing between them")
        if layer.mlp_reads is not None:
            return self._of("input", layer.mlp_reads)
        return self._of("input", layer.mlp)


def frozen(norm: Module, run: Tensor, part: Tensor) -> Tensor:
    """Apply a norm to a part of what it is given in a run, with the scale that it has there and without its bias."""
    whole = norm.forward(run)
    eps = getattr(norm, "eps", getattr(norm, "variance_epsilon", 1e-5))
    weight, bias = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if "RMS" in type(norm).__name__:
        ones = torch.ones_like(run)
        scale = norm.forward(ones) * (1 + eps) ** 0.5  # the weight, or one more than it, as the family has it

        def apply(vector: Tensor) -> Tensor:
            return vector / (run.pow(2).mean(-1, keepdim=True) + eps).sqrt() * scale
    else:
        deviation = (run.var(-1, unbiased=False, keepdim=True) + eps).sqrt()
        scale = torch.ones_like(run) if weight is None else weight

        def apply(vector: Tensor) -> Tensor:
            return (vector - vector.mean(-1, keepdim=True)) / deviation * scale

    again = apply(run) + (0 if bias is None else bias)
    assert (again - whole).abs().max() < 1e-5 * whole.abs().max(), f"{type(norm).__name__} is not the norm it seems"
    return apply(part)


@contextlib.contextmanager
def edited(edits: Edits) -> Iterator[None]:
    """Run with edits: each module's in the order given."""
    handles = []
    for module, edit in edits.inputs:
        handles.append(module.register_forward_pre_hook(_on_input(edit), with_kwargs=True))
    for module, edit in edits.outputs:
        handles.append(module.register_forward_hook(_on_output(edit)))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextlib.contextmanager
def kept(inputs: set[Module], outputs: set[Module], into: dict[tuple[str, Module], Tensor]) -> Iterator[None]:
    """Keep what goes into some modules and what comes out of others; copies, as some models change them in place."""

    def keep(place: str, module: Module) -> Edit:
        def edit(value: Tensor) -> Tensor:
            into[place, module] = value.detach().clone()
            return value

        return edit

    looking = Edits(
        tuple((module, keep("input", module)) for module in inputs),
        tuple((module, keep("output", module)) for module in outputs),
    )
    with edited(looking):
        yield


def _on_input(edit: Edit) -> Callable[..., Any]:
    def hook(_module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if args:
            return (edit(args[0]), *args[1:]), kwargs
        return args, {**kwargs, "hidden_states": edit(kwargs["hidden_states"])}

    return hook


def _on_output(edit: Edit) -> Callable[..., Any]:
    def hook(_module: Module, _args: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (edit(output[0]), *output[1:])
        return edit(output)

    return hook
