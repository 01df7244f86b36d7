"""Activation patching by hooks: a node's part of its layer's activations, put in its place where it is wanted."""

from __future__ import annotations

import torch
from torch import Tensor

from mi_checks.engine.nodes import Node
from tests.zoo.anatomy import Layer
from tests.zoo.hooks import Edits
from tests.zoo.run import PARALLEL, Undefined, columns_of, down_of


def put(layer: Layer, node: Node, new: Tensor, there: Tensor) -> Edits:
    """Return the edits that put a node's activations in its place.

    Args:
        layer: the node's.
        node: the node.
        new: activations of its whole layer, `row pos …`, of which its own are taken.
        there: where they are put, `row pos`.
    """
    match node.kind:
        case "q" | "k" | "v":
            return _put_projected(layer, node, new, there)
        case "head" | "neuron":
            return _put_part(layer, node, new, there)
        case "pattern":
            return _put_pattern(layer, int(node.index or 0), new, there)
        case "resid_mid":
            return _put_mid(layer, new, there)
        case "resid_pre":
            return Edits(inputs=((layer.block, lambda stream: torch.where(there[..., None], new, stream)),))
        case "resid_post":
            return Edits(outputs=((layer.block, lambda stream: torch.where(there[..., None], new, stream)),))
    module = layer.attention_output if node.kind == "attn" else layer.mlp_output

    def whole(value: Tensor) -> Tensor:
        return torch.where(there[..., None], new / layer.multiplier, value.reshape(new.shape)).reshape(value.shape)

    return Edits(outputs=((module, whole),))


def _put_projected(layer: Layer, node: Node, new: Tensor, there: Tensor) -> Edits:
    columns, index = columns_of(layer, node), node.index

    def heads(output: Tensor) -> Tensor:
        live = columns.read(output)
        live[:, :, index] = torch.where(there[..., None], new[:, :, index], live[:, :, index])
        return columns.write(output, live)

    return Edits(outputs=((columns.module, heads),))


def _put_part(layer: Layer, node: Node, new: Tensor, there: Tensor) -> Edits:
    module, index = layer.o if node.kind == "head" else down_of(layer), node.index
    mask = there[..., None] if node.kind == "head" else there

    def part(value: Tensor) -> Tensor:
        live = value.reshape(new.shape).clone()
        live[:, :, index] = torch.where(mask, new[:, :, index], live[:, :, index])
        return live.reshape(value.shape)

    return Edits(inputs=((module, part),))


def _put_pattern(layer: Layer, head: int, new: Tensor, there: Tensor) -> Edits:
    """A head's z is its pattern times the values, and these are the run's own."""
    seen: dict[str, Tensor] = {}

    def look(output: Tensor) -> Tensor:
        seen["v"] = layer.v.read(output).clone()
        return output

    def mixed(z: Tensor) -> Tensor:
        live = z.reshape(*there.shape, new.shape[1], -1).clone()
        value = values(layer, seen["v"])[:, :, head]
        own = torch.einsum("rds,rsv->rdv", new[:, head].to(value.dtype), value)
        live[:, :, head] = torch.where(there[..., None], own, live[:, :, head])
        return live.reshape(z.shape)

    return Edits(inputs=((layer.o, mixed),), outputs=((layer.v.module, look),))


def values(layer: Layer, projected: Tensor) -> Tensor:
    """Return what attention takes the mean of, for every head, `row pos head d_head`."""
    if layer.clip is not None:
        projected = projected.clamp(-layer.clip, layer.clip)
    return projected.repeat_interleave(len(layer.q.index) // projected.shape[2], 2)


def _put_mid(layer: Layer, new: Tensor, there: Tensor) -> Edits:
    """What attention adds becomes what is missing between the live stream and the wanted one."""
    if layer.parallel:
        raise Undefined(PARALLEL)
    if layer.after_sum is not None:  # the stream is what this norm gives
        return Edits(outputs=((layer.after_sum, lambda stream: torch.where(there[..., None], new, stream)),))
    seen: dict[str, Tensor] = {}

    def look(value: Tensor) -> Tensor:
        seen["stream"] = value.clone() if layer.around is None else layer.around.forward(value)
        return value

    def missing(value: Tensor) -> Tensor:
        return torch.where(there[..., None], (new - seen["stream"]) / layer.multiplier, value)

    return Edits(inputs=((layer.block, look),), outputs=((layer.attention_output, missing),))
