"""Attention from few positions to many, without computing the keys and values of the many.

An attention score is q·(W_K x + b_K) = (W_Kᵀ q)·x + q·b_K, and z is Σ a (W_V x + b_V) = W_V (Σ a x) + b_V Σ a. These
are the same numbers in another order of multiplication. For one destination and S sources this takes S·n_heads·d_model
products, where projecting the sources takes S·d_model². It works for values always, but not for rotated keys.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mi_checks.engine.transformer import Transformer


def attend_from(
    model: Transformer,
    layer: int,
    normed: Tensor,
    destination: Tensor,
    sources: Tensor,
    source_positions: Tensor,
    kept_keys: Tensor | None = None,
    kept_values: Tensor | None = None,
    kept_positions: Tensor | None = None,
) -> Tensor:
    """Return z of attention from one position.

    Args:
        model: the model.
        layer: index of the layer.
        normed: the destination's stream after the layer norm, `prompt variant d_model`.
        destination: the destination's position, `prompt`.
        sources: the sources' stream after the layer norm, `prompt variant pos d_model`, or with one variant for all.
        source_positions: the sources' positions, `prompt pos`.
        kept_keys: rotated keys of earlier columns, the same in all variants, `prompt kept kv_head d_head`.
        kept_values: values of these columns, `prompt kept kv_head d_head`.
        kept_positions: positions of these columns, `prompt kept`.

    Returns:
        z, `prompt variant head d_head`.
    """
    queries = model.projected(layer, "q", normed)  # prompt variant head d_head
    queries = model.rotated(queries, destination[:, None].expand(queries.shape[:2]))
    grouped = queries.unflatten(-2, (model.n_kv_heads, model.group))  # prompt variant kv_head group d_head
    if model.rotary is None:
        w_k, b_k = model.projection(layer, "k")
        seen = torch.einsum("pvkgh,khd->pvkgd", grouped, w_k).flatten(2, 3)  # W_Kᵀ q of each head: … head d_model
        scores = seen @ sources.mT  # prompt variant head pos
        if b_k is not None:
            scores = scores + torch.einsum("pvkgh,kh->pvkg", grouped, b_k).flatten(2)[..., None]
    else:
        keys = model.projected(layer, "k", sources)  # prompt variant pos kv_head d_head
        flat = keys.flatten(0, 1)
        keys = model.rotated(flat, source_positions.repeat_interleave(keys.shape[1], 0)).view_as(keys)
        scores = (grouped @ keys.permute(0, 1, 3, 4, 2)).flatten(2, 3)
    positions = source_positions
    if kept_keys is not None and kept_positions is not None:
        by_key = grouped.permute(0, 2, 1, 3, 4).flatten(2, 3)  # prompt kv_head variant·group d_head
        before = by_key @ kept_keys.permute(0, 2, 3, 1)
        before = before.unflatten(2, (-1, model.group)).permute(0, 2, 1, 3, 4).flatten(2, 3)
        scores = torch.cat([before, scores], -1)
        positions = torch.cat([kept_positions, positions], -1)
    pattern = model.probabilities(scores[..., None, :], destination[:, None, None, None], positions[:, None, None])
    pattern = pattern[..., 0, :]  # prompt variant head source
    n_kept = 0 if kept_keys is None else kept_keys.shape[1]
    w_v, b_v = model.projection(layer, "v")
    new = pattern[..., n_kept:]
    looked_at = (new @ sources).unflatten(2, (model.n_kv_heads, model.group))  # prompt variant kv_head group d_model
    z = torch.einsum("pvkgd,khd->pvkgh", looked_at, w_v)
    if b_v is not None:
        z = z + new.sum(-1).unflatten(2, (model.n_kv_heads, model.group))[..., None] * b_v[:, None]
    if kept_values is not None:
        by_key = (
            pattern[..., :n_kept].unflatten(2, (model.n_kv_heads, model.group)).permute(0, 2, 1, 3, 4).flatten(2, 3)
        )
        before = by_key @ kept_values.transpose(1, 2)
        z = z + before.unflatten(2, (-1, model.group)).permute(0, 2, 1, 3, 4)
    return z.flatten(2, 3)
