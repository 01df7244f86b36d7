"""A transformer's forward function, piece by piece, computed from its weights by the replay engine.

`mi_checks.engine.bridge_readers` says which pieces a model has. Whether they reproduce the model's logits is tested
when the model is first measured (`mi_checks.engine.choose_engine`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

# In place, because the inputs are large temporaries, and allocating memory costs more than the arithmetic.
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.ops.aten.gelu_,
    "gelu_new": lambda x: torch.ops.aten.gelu_(x, approximate="tanh"),
    "gelu_pytorch_tanh": lambda x: torch.ops.aten.gelu_(x, approximate="tanh"),
    "relu": torch.relu_,
    "silu": lambda x: functional.silu(x, inplace=True),
    "swish": lambda x: functional.silu(x, inplace=True),
    "solu": lambda x: x.mul_(functional.softmax(x, dim=-1)),
    "solu_ln": lambda x: x.mul_(functional.softmax(x, dim=-1)),
}

NORMS = ("LN", "LNPRE", "RMS", "RMSPRE")  # TransformerLens' normalization types, in capitals
_CENTRING_NORMS = ("LN", "LNPRE")

MAX_NEURON_VALUES_PER_THREAD = 2**19  # computed at once on a CPU, so that they fit its inner cache


@dataclass(frozen=True)
class Rotary:
    """A rotary embedding of queries and keys: each pair of their first dimensions is rotated by its own angle.

    Attributes:
        cos: cosines of the angles, `position pair`.
        sin: sines of the angles, `position pair`.
        pairs: whether a pair is two adjacent dimensions, or one dimension from each half of the rotated ones.
    """

    cos: Tensor
    sin: Tensor
    pairs: Literal["adjacent", "half"]

    def rotate(self, x: Tensor, positions: Tensor) -> Tensor:
        """Return queries or keys, `row pos head d_head`, rotated by positions, `row pos` or one row for all."""
        cos, sin = (table[positions].to(x.dtype)[:, :, None] for table in (self.cos, self.sin))
        n = cos.shape[-1]
        if self.pairs == "adjacent":
            first, second = x[..., 0 : 2 * n : 2], x[..., 1 : 2 * n : 2]
            turned = torch.stack([first * cos - second * sin, second * cos + first * sin], -1).flatten(-2)
            return torch.cat([turned, x[..., 2 * n :]], -1)
        first, second = x[..., :n], x[..., n : 2 * n]
        return torch.cat([first * cos - second * sin, second * cos + first * sin, x[..., 2 * n :]], -1)


@dataclass(frozen=True)
class Transformer:
    """The weights of a model and the settings that decide how they are used.

    Weights have the names of a TransformerBridge's state dict; matrices are oriented as in `torch.nn.Linear`. Residual
    streams are `row pos d_model` and per-head tensors `row pos head d_head`, where rows are prompts or their variants.
    """

    weights: dict[str, Tensor]
    n_layers: int
    n_heads: int
    n_kv_heads: int
    d_head: int
    attn_only: bool
    parallel: bool  # attention and MLP read the same residual stream
    gated: bool
    act_fn: str
    norm: str | None  # one of `NORMS`, or None
    final_rms: bool
    norm_eps: float
    attention_scale: float  # attention scores are divided by it
    attention_score_cap: float  # no cap if ≤ 0
    logit_cap: float  # no cap if ≤ 0
    rotary: Rotary | None  # None if positions are embedded

    def norm_kind(self, *, final: bool = False) -> str | None:
        """Return the kind of the layers' norms, or of the final norm, which may be an RMS norm by itself."""
        return "RMS" if final and self.final_rms else self.norm

    def centres(self, *, final: bool = False) -> bool:
        """Return whether the layers' norms, or the final norm, subtract the stream's mean over its dimensions."""
        return self.norm_kind(final=final) in _CENTRING_NORMS

    def embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """Return the stream before layer 0 for tokens and positions, `row pos`, which are negative before a prompt."""
        resid = self.weights["embed.weight"][tokens]
        if self.rotary is None:
            resid = resid + self.weights["pos_embed.weight"][positions.clamp(min=0)]
        return resid

    def attention_input(self, layer: int, resid: Tensor) -> Tensor:
        """Return the normed residual stream from which a layer's queries, keys and values are projected."""
        return self._apply_norm(f"blocks.{layer}.ln1", resid)

    def project_parts(self, layer: int, kind: str, parts: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return queries, keys or values of parts of a stream, `row part pos d_model`, before the norm's scale.

        Returns:
            The parts' projections, `row part pos head d_head`; their products in the mean square that the norm divides
            by, `row pos part part`, or None without norm; and the bias to add at the end, `head d_head`, or None.
        """
        weight, bias = self.projection(layer, kind)
        gain, shift = (self.weights.get(f"blocks.{layer}.ln1.{name}") for name in ("weight", "bias"))
        if self.norm is None:
            gain = shift = None
        if shift is not None:
            bias = weight @ shift if bias is None else weight @ shift + bias
        centred = self._centre(parts)
        projected = torch.einsum("bspd,rhd->bsprh", centred, weight if gain is None else weight * gain)
        products = None if self.norm is None else torch.einsum("bspd,btpd->bpst", centred, centred) / parts.shape[-1]
        return projected, products, bias

    def attention_input_of_part(self, layer: int, resid: Tensor, part: Tensor) -> Tensor:
        """Return a part's contribution to `attention_input`, at the whole stream's scale and without the bias."""
        return self._centre(part) * self._gain(f"blocks.{layer}.ln1", resid)

    def project(self, layer: int, kind: str, normed: Tensor) -> Tensor:
        """Return queries, keys or values (`kind` q, k or v) before any rotary embedding, `… head d_head`."""
        flat = functional.linear(normed, *self._weight_and_bias(f"blocks.{layer}.attn.{kind}"))
        return flat.view(*flat.shape[:-1], -1, self.d_head)

    def projection(self, layer: int, kind: str) -> tuple[Tensor, Tensor | None]:
        """Return the matrix, `head d_head d_model`, and the bias, `head d_head`, of queries, keys or values."""
        weight, bias = self._weight_and_bias(f"blocks.{layer}.attn.{kind}")
        return weight.unflatten(0, (-1, self.d_head)), None if bias is None else bias.unflatten(0, (-1, self.d_head))

    def rotate(self, x: Tensor, positions: Tensor) -> Tensor:
        """Return queries or keys, `row pos head d_head`, rotated by positions, `row pos`, if the model uses rotary."""
        if self.rotary is None:
            return x
        return self.rotary.rotate(x, positions.clamp(min=0))

    def attention_probabilities(self, scores: Tensor, destinations: Tensor, sources: Tensor) -> Tensor:
        """Return attention from products of queries and keys, `… dest source`, and positions that broadcast."""
        scores = scores / self.attention_scale
        if self.attention_score_cap > 0:
            scores = self.attention_score_cap * torch.tanh(scores / self.attention_score_cap)
        return scores.masked_fill(~_attention_mask(destinations, sources), float("-inf")).softmax(-1)

    def pattern(self, queries: Tensor, destinations: Tensor, keys: Tensor, sources: Tensor) -> Tensor:
        """Return attention, `row head dest source`, from rotated queries and keys, `row pos head d_head`.

        Positions are `row pos`, or have one row for all.
        """
        scores = queries.transpose(1, 2) @ self.repeat_for_queries(keys).permute(0, 2, 3, 1)
        return self.attention_probabilities(scores, destinations[:, None], sources[:, None])

    def mix_values(self, pattern: Tensor, values: Tensor) -> Tensor:
        """Return z, `row dest head d_head`, of attention, `row head dest source`, and values, `row pos kv_head …`."""
        return (pattern @ self.repeat_for_queries(values).transpose(1, 2)).transpose(1, 2)

    def attend(self, queries: Tensor, destinations: Tensor, keys: Tensor, values: Tensor, sources: Tensor) -> Tensor:
        """Return `mix_values` of `pattern`, in one fused step of torch unless attention scores are capped."""
        if self.attention_score_cap > 0:
            return self.mix_values(self.pattern(queries, destinations, keys, sources), values)
        z = functional.scaled_dot_product_attention(
            queries.transpose(1, 2),
            keys.transpose(1, 2),
            values.transpose(1, 2),
            attn_mask=_attention_mask(destinations, sources)[:, None],
            scale=1 / self.attention_scale,
            enable_gqa=self.queries_per_key > 1,
        )
        return z.transpose(1, 2)

    def repeat_for_queries(self, keys: Tensor) -> Tensor:
        """Return keys or values `… kv_head d_head`, repeated for the query heads that share them, `… head d_head`."""
        return keys if self.queries_per_key == 1 else keys.repeat_interleave(self.queries_per_key, dim=-2)

    @property
    def queries_per_key(self) -> int:
        """Return the number of query heads that share a key."""
        return self.n_heads // self.n_kv_heads

    def attention_out(self, layer: int, z: Tensor) -> Tensor:
        """Return what the attention layer writes, `row pos d_model`, from z of all heads."""
        return functional.linear(z.flatten(-2), *self._weight_and_bias(f"blocks.{layer}.attn.o"))

    def w_o(self, layer: int) -> Tensor:
        """Return each head's output matrix, `head d_head d_model`."""
        return self.weights[f"blocks.{layer}.attn.o.weight"].T.reshape(self.n_heads, self.d_head, -1)

    def mlp_in(self, resid_pre: Tensor, resid_mid: Tensor) -> Tensor:
        """Return the stream that an MLP reads: after its layer's attention, or before it in parallel models."""
        return resid_pre if self.parallel else resid_mid

    def neurons(self, layer: int, mlp_in: Tensor) -> Tensor:
        """Return the neurons, just before W_out, `… d_mlp`, from the residual stream that an MLP reads."""
        normed = self._apply_norm(f"blocks.{layer}.ln2", mlp_in)
        pre = functional.linear(normed, *self._weight_and_bias(f"blocks.{layer}.mlp.in"))
        act = ACTIVATIONS[self.act_fn]
        if self.gated:
            return act(functional.linear(normed, *self._weight_and_bias(f"blocks.{layer}.mlp.gate"))) * pre
        post = act(pre)
        if self.act_fn == "solu_ln":
            ln = f"blocks.{layer}.mlp.ln"
            post = functional.layer_norm(
                post, post.shape[-1:], self.weights[f"{ln}.weight"], self.weights[f"{ln}.bias"], self.norm_eps
            )
        return post

    def mlp_out(self, layer: int, neurons: Tensor) -> Tensor:
        """Return what the MLP writes, `row pos d_model`, from its neurons."""
        return functional.linear(neurons, *self._weight_and_bias(f"blocks.{layer}.mlp.out"))

    def mlp(self, layer: int, mlp_in: Tensor) -> Tensor:
        """Return what an MLP writes, `… d_model`, from the residual stream that it reads: `mlp_out` of `neurons`.

        On a CPU this is done for a few rows at a time, so that the neurons, four times as wide as the stream, stay in
        its cache.
        """
        if mlp_in.device.type != "cpu":
            return self.mlp_out(layer, self.neurons(layer, mlp_in))
        rows = mlp_in.reshape(-1, mlp_in.shape[-1])
        each = max(1, MAX_NEURON_VALUES_PER_THREAD * torch.get_num_threads() // self.w_out(layer).shape[0])
        written = torch.empty_like(rows)
        for some, place in zip(rows.split(each), written.split(each), strict=True):
            place.copy_(self.mlp_out(layer, self.neurons(layer, some)))
        return written.view(mlp_in.shape)

    def w_out(self, layer: int) -> Tensor:
        """Return each neuron's output vector, `d_mlp d_model`."""
        return self.weights[f"blocks.{layer}.mlp.out.weight"].T

    def promoted_logits(self, layer: int, index: int) -> Tensor:
        """Return the logits that a neuron adds per unit of activation on the direct path, `d_vocab`, float32.

        They are ((w_out, centred if the final norm centres) ∘ the final norm's weight) · W_U, minus the mean over the
        vocabulary, to which softmax is blind. The norm's scale, which varies by token, is left out. This is how Geva et
        al. 2022 (arXiv:2203.14680) read feed-forward layers, with the final norm added.
        """
        written = self._centre(self.w_out(layer)[index].float(), final=True)
        if self.norm_kind(final=True) is not None:
            written = written * self.weights.get("ln_final.weight", torch.ones_like(written))
        logits = self.weights["unembed.weight"].float() @ written
        return logits - logits.mean()

    def final_norm(self, resid: Tensor) -> Tensor:
        """Return the input of the unembedding from the final residual stream, `… d_model` → `… d_model`."""
        return self._apply_norm("ln_final", resid, final=True)

    def final_norm_adjoint(self, resid: Tensor, direction: Tensor) -> Tensor:
        """Return the vector v with v · part = `final_norm`(part) · direction for parts of the final stream.

        The scale is that of the whole stream, and the bias is left out; all are `row d_model`.
        """
        return self._centre(self._gain("ln_final", resid, final=True).float() * direction, final=True)

    def logits(self, final: Tensor) -> Tensor:
        """Return the logits, `row d_vocab`, float32, from the normed final residual stream, `row d_model`."""
        return self.cap_logits(functional.linear(final, *self._weight_and_bias("unembed")).float())

    def logits_of_tokens(self, final: Tensor, tokens: Tensor) -> Tensor:
        """Return the logits of a few tokens, `prompt variant token`, float32.

        Args:
            final: the normed final stream, `prompt variant d_model`.
            tokens: token ids, `prompt token`.
        """
        columns = self.weights["unembed.weight"][tokens].float()  # prompt token d_model
        logits = final.float() @ columns.mT
        if "unembed.bias" in self.weights:
            logits = logits + self.weights["unembed.bias"][tokens].float()[:, None]
        return self.cap_logits(logits)

    def cap_logits(self, logits: Tensor) -> Tensor:
        """Return the logits with Gemma's soft cap, if the model has one."""
        return logits if self.logit_cap <= 0 else self.logit_cap * torch.tanh(logits / self.logit_cap)

    def _weight_and_bias(self, name: str) -> tuple[Tensor, Tensor | None]:
        return self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias")

    def _gain(self, name: str, x: Tensor, *, final: bool = False) -> Tensor:
        """Return the factor a norm applies to a centred stream: weight / scale, broadcasting with the stream."""
        if self.norm_kind(final=final) is None:
            return torch.ones_like(x[..., :1])
        wide = self._centre(x.float(), final=final)
        gain = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.norm_eps)
        weight = self.weights.get(f"{name}.weight")
        return (gain if weight is None else gain * weight).to(x.dtype)

    def _centre(self, x: Tensor, *, final: bool = False) -> Tensor:
        """Return the stream minus its mean if the norm centres, otherwise unchanged."""
        return x - x.mean(-1, keepdim=True) if self.centres(final=final) else x

    def _apply_norm(self, name: str, x: Tensor, *, final: bool = False) -> Tensor:
        weight, bias = self.weights.get(f"{name}.weight"), self.weights.get(f"{name}.bias")
        if self.norm_kind(final=final) is None:
            return x
        if not self.centres(final=final):
            wide = x.float()
            normed = (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.norm_eps)).to(x.dtype)
            return normed if weight is None else weight * normed
        return functional.layer_norm(x, x.shape[-1:], weight, bias, self.norm_eps)


def _attention_mask(destinations: Tensor, sources: Tensor) -> Tensor:
    """Return a mask of attention: no later positions, and no padding in front except from padding, `… dest source`."""
    d, s = destinations[..., :, None], sources[..., None, :]
    return (s <= d) & ((s >= 0) | (d < 0))


def attend_from(
    model: Transformer,
    layer: int,
    normed: Tensor,
    destination: Tensor,
    sources: Tensor,
    source_positions: Tensor,
    earlier_keys: Tensor | None = None,
    earlier_values: Tensor | None = None,
    earlier_positions: Tensor | None = None,
) -> Tensor:
    """Return z of attention from one position, without computing the keys and values of the positions it attends to.

    An attention score is q·(W_K x + b_K) = (W_Kᵀ q)·x + q·b_K, and z is Σ a (W_V x + b_V) = W_V (Σ a x) + b_V Σ a.
    These are the same numbers in another order of multiplication. For one destination and S sources this takes
    S·n_heads·d_model products, where projecting the sources takes S·d_model². It works for values always, but not for
    rotated keys.

    Args:
        model: the model.
        layer: index of the layer.
        normed: the destination's stream after the layer norm, `prompt variant d_model`.
        destination: the destination's position, `prompt`.
        sources: the sources' stream after the layer norm, `prompt variant pos d_model`, or with one variant for all.
        source_positions: the sources' positions, `prompt pos`.
        earlier_keys: rotated keys of earlier columns, the same in all variants, `prompt earlier kv_head d_head`.
        earlier_values: values of these columns, `prompt earlier kv_head d_head`.
        earlier_positions: positions of these columns, `prompt earlier`.

    Returns:
        z, `prompt variant head d_head`.
    """
    queries = model.project(layer, "q", normed)  # prompt variant head d_head
    queries = model.rotate(queries, destination[:, None].expand(queries.shape[:2]))
    grouped = queries.unflatten(-2, (model.n_kv_heads, model.queries_per_key))  # prompt variant kv_head group d_head
    if model.rotary is None:
        w_k, b_k = model.projection(layer, "k")
        seen = torch.einsum("pvkgh,khd->pvkgd", grouped, w_k).flatten(2, 3)  # W_Kᵀ q of each head: … head d_model
        scores = seen @ sources.mT  # prompt variant head pos
        if b_k is not None:
            scores = scores + torch.einsum("pvkgh,kh->pvkg", grouped, b_k).flatten(2)[..., None]
    else:
        keys = model.project(layer, "k", sources)  # prompt variant pos kv_head d_head
        flat = keys.flatten(0, 1)
        keys = model.rotate(flat, source_positions.repeat_interleave(keys.shape[1], 0)).view_as(keys)
        scores = (grouped @ keys.permute(0, 1, 3, 4, 2)).flatten(2, 3)
    positions = source_positions
    if earlier_keys is not None and earlier_positions is not None:
        by_key = grouped.permute(0, 2, 1, 3, 4).flatten(2, 3)  # prompt kv_head variant·group d_head
        before = by_key @ earlier_keys.permute(0, 2, 3, 1)
        before = before.unflatten(2, (-1, model.queries_per_key)).permute(0, 2, 1, 3, 4).flatten(2, 3)
        scores = torch.cat([before, scores], -1)
        positions = torch.cat([earlier_positions, positions], -1)
    pattern = model.attention_probabilities(
        scores[..., None, :], destination[:, None, None, None], positions[:, None, None]
    )
    pattern = pattern[..., 0, :]  # prompt variant head source
    n_earlier = 0 if earlier_keys is None else earlier_keys.shape[1]
    w_v, b_v = model.projection(layer, "v")
    new = pattern[..., n_earlier:]
    # prompt variant kv_head group d_model
    mixed_sources = (new @ sources).unflatten(2, (model.n_kv_heads, model.queries_per_key))
    z = torch.einsum("pvkgd,khd->pvkgh", mixed_sources, w_v)
    if b_v is not None:
        z = z + new.sum(-1).unflatten(2, (model.n_kv_heads, model.queries_per_key))[..., None] * b_v[:, None]
    if earlier_values is not None:
        by_key = (
            pattern[..., :n_earlier]
            .unflatten(2, (model.n_kv_heads, model.queries_per_key))
            .permute(0, 2, 1, 3, 4)
            .flatten(2, 3)
        )
        before = by_key @ earlier_values.transpose(1, 2)
        z = z + before.unflatten(2, (-1, model.queries_per_key)).permute(0, 2, 1, 3, 4)
    return z.flatten(2, 3)
