"""A run of a `transformers` model: everything in it that a node's name can mean."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from mi_checks.engine.nodes import Node
from tests.zoo.anatomy import Anatomy, Columns, Layer
from tests.zoo.hooks import Edits, edited, kept


class Undefined(Exception):
    """A quantity that has no meaning in this model."""


class Run:
    """A run, with edits or without, and what is in it.

    Attributes:
        anatomy: where the model's parts are.
        logits: `row pos token`.
        patterns: of each layer, `row head destination source`.
    """

    def __init__(self, model: Any, anatomy: Anatomy, tokens: Tensor, edits: Edits | None = None) -> None:
        self.anatomy, self.shape = anatomy, tuple(tokens.shape)
        self._kept: dict[tuple[str, Module], Tensor] = {}
        inputs, outputs = {anatomy.final}, set()
        for layer in anatomy.layers:
            read = (layer.block, layer.o, layer.down, layer.mlp, layer.mlp_reads)
            inputs |= {module for module in read if module is not None}
            outputs |= {layer.q.module, layer.k.module, layer.v.module, layer.block}
            outputs |= {layer.attention_output, layer.mlp_output}
        with torch.no_grad(), edited(edits or Edits()), kept(inputs, outputs, self._kept):
            found = model(tokens, use_cache=False, output_attentions=True)
        self.logits, self.patterns = found.logits, found.attentions

    def _of(self, place: str, module: Module) -> Tensor:
        return self._kept[place, module].reshape(*self.shape, -1)

    def stream(self, layer: int) -> Tensor:
        """Return the residual stream before a layer, or after the last one, `row pos d_model`."""
        after = layer == len(self.anatomy.layers)
        return self._of("input", self.anatomy.final if after else self.anatomy.layers[layer].block)

    def added(self, layer: int, sublayer: str) -> Tensor:
        """Return what attention or the MLP adds to the stream, `row pos d_model`."""
        parts = self.anatomy.layers[layer]
        module = parts.attention_output if sublayer == "attn" else parts.mlp_output
        return self._of("output", module) * parts.multiplier

    def activation(self, node: Node) -> Tensor:
        """Return the activations of all of a node's layer, `row pos …`; patterns `row head destination source`.

        Raises:
            Undefined: there is no such thing in this model.
        """
        layer = self.anatomy.layers[node.layer]
        match node.kind:
            case "head":
                return self._of("input", layer.o).reshape(*self.shape, len(layer.q.index), -1)
            case "q" | "k" | "v":
                columns = columns_of(layer, node)
                return columns.read(self._of("output", columns.module))
            case "pattern":
                return self.patterns[node.layer].double()
            case "neuron":
                return self._of("input", down_of(layer))
            case "attn" | "mlp":
                return self.added(node.layer, node.kind)
            case "resid_pre":
                return self.stream(node.layer)
            case "resid_post":
                return self._of("output", layer.block)
            case "resid_mid":
                if layer.parallel:
                    raise Undefined(PARALLEL)
                return self._of("input", layer.mlp_reads or layer.mlp)
        raise ValueError(node)


PARALLEL = "the MLP reads the stream before attention: there is nothing between them"


def columns_of(layer: Layer, node: Node) -> Columns:
    """Return where the queries, keys or values of a layer stand.

    Raises:
        Undefined: heads have none of their own, as the keys of latent attention.
    """
    columns: Columns = getattr(layer, node.kind)
    if not len(columns.index):
        raise Undefined("a part of the key is shared by all heads")
    return columns


def down_of(layer: Layer) -> Module:
    """Return the module whose input is a layer's neurons.

    Raises:
        Undefined: it is a mixture of experts.
    """
    if layer.down is None:
        raise Undefined("a mixture of experts has no one layer of neurons")
    return layer.down


def adds(layer: Layer, kind: str, activations: Tensor) -> Tensor:
    """Return what a layer adds to the stream with these z or neurons, `row pos d_model`."""
    module, after = (layer.o, layer.after_attention) if kind == "head" else (down_of(layer), layer.after_mlp)
    with torch.no_grad():
        written = module.forward(activations.reshape(*activations.shape[:2], -1))
        return (written if after is None else after.forward(written)) * layer.multiplier
