"""Conversion of TransformerLens bridges: the weights and settings of each known family as a `Transformer`.

State dicts have the same names in all families, and fused QKV is split. In compatibility mode they hold the processed
weights. Families and options that are not known here are left to the reference engine, and so are models that fail the
probes of `mi_checks.engine.choose_engine`. These probes are too short (`N_PROBE_TOKENS`) to reveal a sliding window,
so `_read_llama` checks it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources.native.model import NativeRotary

from mi_checks.engine.residual_stream import is_parallel
from mi_checks.engine.transformer import ACTIVATIONS, NORMS, Rotary, Transformer

# Kinds of rotary embedding whose angles do not depend on the length of the prompt.
_FIXED_ROPE_TYPES = ("default", "linear", "llama3", "yarn")


def read_transformer(bridge: TransformerBridge) -> Transformer | None:
    """Return the bridge as a `Transformer`, or None if its family, or an option it uses, is not known."""
    reader = _READERS.get(bridge.cfg.architecture)
    return None if reader is None else reader(bridge)


def _read_native(bridge: TransformerBridge) -> Transformer | None:
    """Read a TransformerLens-native model; None if its attention is bidirectional."""
    cfg: Any = bridge.cfg
    if cfg.attention_dir != "causal":
        return None
    rotary = None
    if (cfg.positional_embedding_type or "standard").lower() == "rotary":
        tables = NativeRotary(cfg)  # the tables repeat each angle for both dimensions of a pair
        rotary = Rotary(tables.cos_cached[:, ::2], tables.sin_cached[:, ::2], "adjacent")
    return _build_transformer(bridge, _read_weights(bridge), rotary)


def _read_gpt2(bridge: TransformerBridge) -> Transformer | None:
    """Read GPT-2, whose matrices, except QKV, are stored as (d_in, d_out), the transpose of `nn.Linear`."""
    config: Any = bridge.original_model.config
    if config.scale_attn_by_inverse_layer_idx:
        return None
    weights = _read_weights(bridge)
    for name, weight in weights.items():
        if name.endswith(("attn.o.weight", "mlp.in.weight", "mlp.out.weight")):
            weights[name] = weight.T
    return _build_transformer(bridge, weights, None)


def _read_neox(bridge: TransformerBridge) -> Transformer | None:
    """Read GPT-NeoX (Pythia), which rotates part of each query and key."""
    rotary = _read_rotary(bridge)
    return None if rotary is None else _build_transformer(bridge, _read_weights(bridge), rotary)


def _read_llama(bridge: TransformerBridge) -> Transformer | None:
    """Read Llama and families that differ from it only in biases; None if the sliding window is below the context."""
    cfg: Any = bridge.cfg
    window = getattr(bridge.original_model.config, "sliding_window", None)
    rotary = _read_rotary(bridge)
    if rotary is None or (window is not None and window < cfg.n_ctx):
        return None
    return _build_transformer(bridge, _read_weights(bridge), rotary)


_READERS: dict[str, Callable[[TransformerBridge], Transformer | None]] = {
    "TransformerLensNative": _read_native,
    "GPT2LMHeadModel": _read_gpt2,
    "GPTNeoXForCausalLM": _read_neox,
    "LlamaForCausalLM": _read_llama,
    "MistralForCausalLM": _read_llama,
    "Qwen2ForCausalLM": _read_llama,
}


def _read_weights(bridge: TransformerBridge) -> dict[str, Tensor]:
    return {name: weight.detach() for name, weight in bridge.state_dict().items()}


def _read_rotary(bridge: TransformerBridge) -> Rotary | None:
    """Return the angles that a Hugging Face model's own rotary module computes."""
    cfg: Any = bridge.cfg
    module: Any = bridge.rotary_emb.original_component
    if module.rope_type not in _FIXED_ROPE_TYPES:
        return None
    device = module.inv_freq.device
    with torch.no_grad():  # the angles are float32; they are cast to the model's dtype only when they are used
        cos, sin = module(torch.zeros((), device=device), torch.arange(cfg.n_ctx, device=device)[None])
    pairs = cos.shape[-1] // 2  # the second half repeats the first
    return Rotary(cos[0, :, :pairs], sin[0, :, :pairs], "half")


def _build_transformer(
    bridge: TransformerBridge, weights: dict[str, Tensor], rotary: Rotary | None
) -> Transformer | None:
    cfg: Any = bridge.cfg
    act_fn = (cfg.act_fn or ("silu" if cfg.gated_mlp else "gelu")).lower()
    device = weights["embed.weight"].device
    norm = None if cfg.normalization_type is None else cfg.normalization_type.upper()
    if (
        act_fn not in ACTIVATIONS
        or norm not in (None, *NORMS)
        or not all(weight.is_floating_point() for weight in weights.values())  # quantised
        or any(weight.device != device for weight in weights.values())  # on several devices
        or device.type == "meta"  # offloaded
    ):
        return None
    return Transformer(
        weights=weights,
        n_layers=cfg.n_layers,
        n_heads=cfg.n_heads,
        n_kv_heads=cfg.n_key_value_heads or cfg.n_heads,
        d_head=cfg.d_head,
        attn_only=bool(cfg.attn_only),
        parallel=is_parallel(bridge),
        gated=bool(cfg.gated_mlp),
        act_fn=act_fn,
        norm=norm,
        final_rms=bool(cfg.final_rms),
        norm_eps=cfg.eps,
        attention_scale=cfg.attn_scale if cfg.use_attn_scale and cfg.attn_scale > 0 else math.sqrt(cfg.d_head),
        attention_score_cap=float(cfg.attn_scores_soft_cap),
        logit_cap=float(cfg.output_logits_soft_cap),
        rotary=None if rotary is None else Rotary(rotary.cos.to(device), rotary.sin.to(device), rotary.pairs),
    )
