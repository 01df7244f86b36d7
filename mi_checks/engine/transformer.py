"""A native model's function, piece by piece, from its weights: what the replay engine computes with.

The pieces follow `transformer_lens.model_bridge.sources.native.model`; whether they still do is asked of every model
when it is loaded (`mi_checks.engine.trust`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources.native.model import NativeRotary

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": functional.gelu,
    "gelu_new": lambda x: functional.gelu(x, approximate="tanh"),
    "relu": functional.relu,
    "silu": functional.silu,
    "swish": functional.silu,
    "solu": lambda x: x * functional.softmax(x, dim=-1),
    "solu_ln": lambda x: x * functional.softmax(x, dim=-1),
}


@dataclass(frozen=True)
class Transformer:
    """Weights by the bridge's names, and the few facts of the config that decide what is done with them.

    Residual streams are `row pos d_model`, per-head tensors `row pos head d_head`; rows are prompts or their variants.
    """

    weights: dict[str, Tensor]
    n_layers: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    attn_only: bool
    gated: bool
    act_fn: str
    norm: str | None  # "LN", "RMS", "LNPRE", "RMSPRE" or None
    final_rms: bool
    eps: float
    scale: float  # scores are divided by it
    scores_cap: float  # ≤ 0: none
    logits_cap: float
    rotary: NativeRotary | None

    @classmethod
    def of(cls, bridge: TransformerBridge) -> Transformer | None:
        """The function of a native bridge, or None where the model is not one whose function is known here."""
        cfg: Any = bridge.cfg
        understood = (
            cfg.architecture == "TransformerLensNative"
            and cfg.attention_dir == "causal"
            and not getattr(bridge, "compatibility_mode", False)
            and (cfg.act_fn or "gelu").lower() in _ACTIVATIONS
        )
        if not understood:
            return None
        weights = {name: weight.detach() for name, weight in bridge.state_dict().items()}
        device = weights["embed.weight"].device
        is_rotary = (cfg.positional_embedding_type or "standard").lower() == "rotary"
        norm = None if cfg.normalization_type is None else cfg.normalization_type.upper()
        return cls(
            weights=weights,
            n_layers=cfg.n_layers,
            n_heads=cfg.n_heads,
            n_kv_heads=cfg.n_key_value_heads or cfg.n_heads,
            d_head=cfg.d_head,
            attn_only=bool(cfg.attn_only),
            gated=bool(cfg.gated_mlp),
            act_fn=(cfg.act_fn or ("silu" if cfg.gated_mlp else "gelu")).lower(),
            norm=norm,
            final_rms=bool(cfg.final_rms),
            eps=cfg.eps,
            scale=cfg.attn_scale if cfg.use_attn_scale and cfg.attn_scale > 0 else math.sqrt(cfg.d_head),
            scores_cap=float(cfg.attn_scores_soft_cap),
            logits_cap=float(cfg.output_logits_soft_cap),
            rotary=NativeRotary(cfg).to(device) if is_rotary else None,
        )

    def embed(self, tokens: Tensor) -> Tensor:
        """Tokens `row pos` → residual stream before the first layer."""
        resid = self.weights["embed.weight"][tokens]
        if self.rotary is None:
            resid = resid + self.weights["pos_embed.weight"][: tokens.shape[1]]
        return resid

    def queries(self, layer: int, resid: Tensor, positions: Tensor) -> Tensor:
        """Residual stream before a layer → queries, `row pos head d_head`; `positions` is `row pos`."""
        return self._rotated(self._projected(layer, "q", self._normed(f"blocks.{layer}.ln1", resid)), positions)

    def keys_values(self, layer: int, resid: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Residual stream before a layer → keys and values, `row pos kv_head d_head`."""
        normed = self._normed(f"blocks.{layer}.ln1", resid)
        return self._rotated(self._projected(layer, "k", normed), positions), self._projected(layer, "v", normed)

    def pattern(self, queries: Tensor, keys: Tensor, positions: Tensor) -> Tensor:
        """Queries at `positions` (`row pos`) and keys from position 0 on → attention, `row head pos source`."""
        keys = self._per_head(keys)
        scores = queries.transpose(1, 2) @ keys.permute(0, 2, 3, 1) / self.scale
        if self.scores_cap > 0:
            scores = self.scores_cap * torch.tanh(scores / self.scores_cap)
        later = torch.arange(keys.shape[1], device=keys.device) > positions[:, None, :, None]
        return scores.masked_fill(later, float("-inf")).softmax(-1)

    def mixed(self, pattern: Tensor, values: Tensor) -> Tensor:
        """Attention and values from position 0 on → z, `row pos head d_head`."""
        return (pattern @ self._per_head(values).transpose(1, 2)).transpose(1, 2)

    def attention_out(self, layer: int, z: Tensor) -> Tensor:
        """Z of all heads → what the attention layer writes, `row pos d_model`."""
        return functional.linear(z.flatten(2), *self._linear(f"blocks.{layer}.attn.o"))

    def w_o(self, layer: int) -> Tensor:
        """What each head's z is multiplied with, `head d_head d_model`."""
        return self.weights[f"blocks.{layer}.attn.o.weight"].T.reshape(self.n_heads, self.d_head, -1)

    def neurons(self, layer: int, resid_mid: Tensor) -> Tensor:
        """Residual stream before an MLP → its neurons as they are multiplied with W_out, `row pos d_mlp`."""
        normed = self._normed(f"blocks.{layer}.ln2", resid_mid)
        pre = functional.linear(normed, *self._linear(f"blocks.{layer}.mlp.in"))
        act = _ACTIVATIONS[self.act_fn]
        if self.gated:
            return act(functional.linear(normed, *self._linear(f"blocks.{layer}.mlp.gate"))) * pre
        post = act(pre)
        if self.act_fn == "solu_ln":
            ln = f"blocks.{layer}.mlp.ln"
            post = functional.layer_norm(
                post, post.shape[-1:], self.weights[f"{ln}.weight"], self.weights[f"{ln}.bias"], self.eps
            )
        return post

    def mlp_out(self, layer: int, neurons: Tensor) -> Tensor:
        """Neurons → what the MLP writes, `row pos d_model`."""
        return functional.linear(neurons, *self._linear(f"blocks.{layer}.mlp.out"))

    def w_out(self, layer: int) -> Tensor:
        """What each neuron is multiplied with, `d_mlp d_model`."""
        return self.weights[f"blocks.{layer}.mlp.out.weight"].T

    def final(self, resid: Tensor) -> Tensor:
        """Final residual stream `… d_model` → what is multiplied with the unembedding, `… d_model`."""
        return self._normed("ln_final", resid, rms=self.final_rms)

    def logits(self, final: Tensor) -> Tensor:
        """Normed final residual stream `row d_model` → logits of the whole vocabulary, `row d_vocab`, float32."""
        return self.capped(functional.linear(final, *self._linear("unembed")).float())

    def logits_of(self, final: Tensor, tokens: Tensor) -> Tensor:
        """Logits of a few tokens: `variant prompt d_model` and `prompt token` → `variant prompt token`, float32."""
        columns = self.weights["unembed.weight"][tokens].float()  # prompt token d_model
        logits = torch.einsum("vpd,ptd->vpt", final.float(), columns)
        if "unembed.bias" in self.weights:
            logits = logits + self.weights["unembed.bias"][tokens].float()
        return self.capped(logits)

    def capped(self, logits: Tensor) -> Tensor:
        """Gemma's soft cap, where the model has one."""
        return logits if self.logits_cap <= 0 else self.logits_cap * torch.tanh(logits / self.logits_cap)

    def _linear(self, name: str) -> tuple[Tensor, Tensor | None]:
        return self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")

    def _projected(self, layer: int, kind: str, normed: Tensor) -> Tensor:
        flat = functional.linear(normed, *self._linear(f"blocks.{layer}.attn.{kind}"))
        return flat.view(*flat.shape[:-1], -1, self.d_head)

    def _per_head(self, keys: Tensor) -> Tensor:
        repeats = self.n_heads // self.n_kv_heads
        return keys if repeats == 1 else keys.repeat_interleave(repeats, dim=2)

    def _rotated(self, x: Tensor, positions: Tensor) -> Tensor:
        if self.rotary is None:
            return x
        turned: Tensor = self.rotary.apply_rope(x.transpose(1, 2), x.transpose(1, 2), position_ids=positions)[0]
        return turned.transpose(1, 2)

    def _normed(self, name: str, x: Tensor, *, rms: bool = False) -> Tensor:
        weight, bias = self.weights.get(f"{name}.weight"), self.weights.get(f"{name}.bias")
        if self.norm is None and not rms:
            return x
        if rms or self.norm in ("RMS", "RMSPRE"):
            wide = x.float()
            normed = (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype)
            return normed if weight is None else weight * normed
        return functional.layer_norm(x, x.shape[-1:], weight, bias, self.eps)
