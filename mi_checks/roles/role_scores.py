"""The built-in role scores, one function each: how well each head fits a role.

All are computed from a `Transformer`, which may have edited weights, so that a role can be followed into a mutant. For
a model that cannot be read as a `Transformer`, attention comes from TransformerLens's own hooks.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.nodes import HOOK_NAMES
from mi_checks.engine.replay.forward_pass import ForwardPass
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.roles.role_probes import RepeatedTokenPrompts, Tokens, name_prompts, repeated_token_prompts
from mi_checks.stats.floor import Floats

N_TOP = 5  # number of likeliest tokens among which a name must be to count as copied


def role_score(name: str, loaded_model: LoadedModel, model: Transformer | None) -> Floats:
    """Return a score of every head, `layer head`.

    Args:
        name: one of `SCORES`.
        loaded_model: the model, with its tokenizer and its context length, and its bridge if `model` is None.
        model: the function that is scored: the loaded model's own, or one with other weights.

    Raises:
        MiChecksError: the model is too small for the probe prompts, a score that needs the weights is requested for a
            model whose weights cannot be read, or a score is not finite.
    """
    with torch.no_grad():
        scores = SCORES[name](loaded_model, model).double().cpu().numpy()
    if not np.isfinite(scores).all():
        raise MiChecksError(f"{loaded_model.name}: the role score {name} is not finite; check the weights")
    return scores


def previous_token(loaded_model: LoadedModel, model: Transformer | None) -> Tensor:
    """Return the mean attention to the previous position, over repeated random tokens, `layer head`.

    The first two positions are excluded: at the second, the only earlier position is the first, on which heads rest.
    """
    probes = repeated_token_prompts(loaded_model)
    positions = np.arange(2, probes.tokens.shape[1])
    return _attention(loaded_model, model, probes, positions, positions - 1)


def duplicate_token(loaded_model: LoadedModel, model: Transformer | None) -> Tensor:
    """Return the mean attention from a random token's second occurrence to its first, `layer head`."""
    probes = repeated_token_prompts(loaded_model)
    return _attention(loaded_model, model, probes, probes.second, probes.second - probes.period)


def induction(loaded_model: LoadedModel, model: Transformer | None) -> Tensor:
    """Return the mean attention from a random token's second occurrence to the token after its first, `layer head`.

    This is the prefix-matching score of Olsson et al. 2022.
    """
    probes = repeated_token_prompts(loaded_model)
    return _attention(loaded_model, model, probes, probes.second, probes.second - probes.period + 1)


def copying(loaded_model: LoadedModel, model: Transformer | None) -> Tensor:
    """Return Σ Re λ / Σ |λ| over the eigenvalues λ of W_E W_V W_O W_U, `layer head` (Elhage et al. 2021).

    The score ranges from −1 to 1. At 1, attention to any token makes that token likelier. Norms are included as far as
    they are linear: their gains, and the centring of a layer norm. The product, `d_vocab d_vocab`, has the same nonzero
    eigenvalues as W_O W_U W_E W_V, `d_head d_head`. Biases and MLPs are excluded.
    """
    model = _readable("copying", loaded_model, model)
    final = _gained(model, "ln_final", model.weights["unembed.weight"].double())
    if model.centres(final=True):
        final = final - final.mean(-1, keepdim=True)
    embed = model.weights["embed.weight"].double()
    if model.centres():
        embed = embed - embed.mean(-1, keepdim=True)
    tokens = min(len(final), len(embed))  # either may be padded
    rows = []
    for layer in range(model.n_layers):
        normed_embed = _gained(model, f"blocks.{layer}.ln1", embed)[:tokens]
        unembed_embed = final[:tokens].T @ normed_embed  # d_model d_model, W_U W_E
        # head d_head d_model
        values = model.projection(layer, "v")[0].double().repeat_interleave(model.queries_per_key, 0)
        head_product = model.w_o(layer).double() @ unembed_embed @ values.mT  # head d_head d_head
        eigenvalues = torch.linalg.eigvals(head_product)
        size = eigenvalues.abs().sum(-1)
        rows.append(eigenvalues.real.sum(-1) / size.where(size > 0, torch.ones_like(size)))  # an ablated head scores 0
    return torch.stack(rows)


def name_mover(loaded_model: LoadedModel, model: Transformer | None) -> Tensor:
    """Return attention from END to the name that occurs once, times the fraction of names copied, `layer head`.

    After Wang et al. 2022. Attention is the mean over the prompts of `role_probes.name_prompts`. Copying (their copy
    score): the residual stream after the first layer, at that name, passes through the norm, W_V and W_O of the head,
    the final norm and the unembedding; a name counts as copied if it is then among the `N_TOP` likeliest tokens. Heads
    of the first layer get the embedding, which is what they read.
    """
    model = _readable("name_mover", loaded_model, model)
    probes = name_prompts(loaded_model)
    run = _run(model, probes.tokens)
    device = model.weights["embed.weight"].device
    prompts, name_positions = (
        torch.arange(len(probes.name_positions), device=device),
        torch.as_tensor(probes.name_positions, device=device),
    )
    name_ids = torch.as_tensor(probes.names, device=device)
    rows = []
    for layer in range(model.n_layers):
        attention = run[layer].pattern[prompts, :, -1, name_positions].float()  # prompt head
        at_name = run[min(layer, 1)].resid_pre[prompts, name_positions]  # prompt d_model
        values = model.project(layer, "v", model.attention_input(layer, at_name))  # prompt kv_head d_head
        head_output = torch.einsum("phd,hdm->phm", model.repeat_for_queries(values), model.w_o(layer))
        logits = model.logits(model.final_norm(head_output))  # prompt head d_vocab
        copied = (logits.topk(min(N_TOP, logits.shape[-1]), dim=-1).indices == name_ids[:, None, None]).any(-1)
        rows.append(attention.mean(0) * copied.float().mean(0))
    return torch.stack(rows)


SCORES: dict[str, Callable[[LoadedModel, Transformer | None], Tensor]] = {
    "previous_token": previous_token,
    "duplicate_token": duplicate_token,
    "induction": induction,
    "copying": copying,
    "name_mover": name_mover,
}


def _attention(
    loaded_model: LoadedModel,
    model: Transformer | None,
    probes: RepeatedTokenPrompts,
    destinations: Tokens,
    sources: Tokens,
) -> Tensor:
    """Return the mean attention from each destination to the source at the same index, `layer head`."""
    rows = [
        pattern[:, :, destinations, sources].float().mean((0, 2)) for pattern in _patterns(loaded_model, model, probes)
    ]
    return torch.stack(rows)


def _patterns(loaded_model: LoadedModel, model: Transformer | None, probes: RepeatedTokenPrompts) -> list[Tensor]:
    """Return the attention of each layer on the probes, `prompt head destination source`."""
    if model is not None:
        run = _run(model, probes.tokens)
        return [run[layer].pattern for layer in range(model.n_layers)]
    reason = loaded_model.guards.refusal("attention")
    if reason is not None:
        raise MiChecksError(f"{loaded_model.name}: attention cannot be read on this model: {reason}")
    hooks = [HOOK_NAMES["pattern"].format(layer) for layer in range(loaded_model.shape.n_layers)]
    tokens = torch.as_tensor(probes.tokens, device=loaded_model.bridge.cfg.device)
    _, cache = loaded_model.bridge.run_with_cache(tokens, names_filter=lambda hook: hook in hooks)
    missing = [hook for hook in hooks if hook not in cache]
    if missing:
        raise MiChecksError(f"{loaded_model.name}: TransformerLens has no hook {missing[0]} in this model")
    return [cache[hook] for hook in hooks]


def _run(model: Transformer, tokens: Tokens) -> ForwardPass:
    device = model.weights["embed.weight"].device
    ids = torch.as_tensor(tokens, device=device)
    positions = torch.arange(ids.shape[1], device=device)[None]
    return ForwardPass(model, ids, positions, torch.full((len(ids),), ids.shape[1] - 1, device=device))


def _readable(name: str, loaded_model: LoadedModel, model: Transformer | None) -> Transformer:
    if model is None:
        raise MiChecksError(
            f"{loaded_model.name}: the role score {name} needs the weights, which cannot be read from this model; "
            "use an attention score or a score of your own (pytest_mi_role_scores)"
        )
    return model


def _gained(model: Transformer, norm: str, vectors: Tensor) -> Tensor:
    gain = model.weights.get(f"{norm}.weight")
    return vectors if gain is None else vectors * gain.double()
