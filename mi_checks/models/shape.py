"""The shape of a loaded model, read off its modules and weights."""

from __future__ import annotations

from typing import Any

from torch import nn
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.models.sources.source import Unloadable
from mi_checks.spec.node_names import ModelShape


def shape_of(bridge: TransformerBridge) -> ModelShape:
    """Return the numbers of layers, heads and neurons of a model.

    Raises:
        Unloadable: its layers differ in size, so that a head's name does not mean the same in each.
    """
    cfg: Any = bridge.cfg
    heads, kv_heads, d_head = int(cfg.n_heads), int(cfg.n_key_value_heads or cfg.n_heads), int(cfg.d_head)
    widths = {_width(block, ("attn", "o"), cfg.d_model) for block in bridge.blocks} - {None}
    if len(widths) > 1:
        raise Unloadable(
            f"its layers have different numbers of heads ({_listed(widths)} values of z), which is not read"
        )
    d_mlp, no_neurons = _neurons(bridge)
    if kv_heads == heads:
        kv_heads = _kv_heads(bridge, d_head) or heads
    return ModelShape(
        n_layers=len(bridge.blocks),
        n_heads=heads,
        d_mlp=d_mlp,
        shared_kv_heads=kv_heads if kv_heads != heads else None,
        no_neurons=no_neurons,
    )


def _neurons(bridge: TransformerBridge) -> tuple[int | None, str]:
    """Return the number of neurons of each layer; or None, and why they cannot be named, or "" if there is no MLP."""
    cfg: Any = bridge.cfg
    mlps = [getattr(block, "mlp", None) for block in bridge.blocks]
    if cfg.attn_only or not any(mlp is not None for mlp in mlps):
        return None, ""
    widths = [_width(block, ("mlp", "out"), cfg.d_model) for block in bridge.blocks]
    if any(width is None for width in widths):
        kind = type(next(mlp for mlp, width in zip(mlps, widths, strict=True) if width is None)).__name__
        if "MoE" in kind:
            return None, "its MLPs are mixtures of experts, each with neurons of its own; name the layer's MLP instead"
        return None, "TransformerLens names no output projection of its MLPs; name the layer's MLP instead"
    if len(set(widths)) > 1:
        return (
            None,
            f"its layers have different numbers of neurons ({_listed(set(widths))}); name the layer's MLP instead",
        )
    return widths[0], ""


def _width(block: Any, path: tuple[str, ...], d_model: int) -> int | None:
    """Return the number of inputs of a projection into the residual stream; None if there is none."""
    component: Any = block
    for name in path:
        component = getattr(component, name, None)
    module = getattr(component, "original_component", None)
    weight = getattr(module, "weight", None)
    if not isinstance(module, nn.Module) or weight is None or weight.dim() != 2:
        return None
    return int(weight.numel() // d_model)


def _kv_heads(bridge: TransformerBridge, d_head: int) -> int | None:
    """Return the number of keys of a layer, if its key projection shows it, otherwise None."""
    module = getattr(getattr(getattr(bridge.blocks[0], "attn", None), "k", None), "original_component", None)
    weight = getattr(module, "weight", None)
    return None if weight is None or weight.dim() != 2 else int(weight.numel() // bridge.cfg.d_model // d_head) or None


def _listed(values: Any) -> str:
    return ", ".join(map(str, sorted(values)))
