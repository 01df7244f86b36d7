"""The choice of the engine for a model: replay if it reproduces the model's own logits, otherwise the reference."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.engine.bridge_readers import read_transformer
from mi_checks.engine.engine import Engine
from mi_checks.engine.readout import ScoreFunction
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.forward_pass import ForwardPass
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import PromptBatch

# Relative to the largest probe logit.
RELATIVE_TOLERANCES = {
    torch.float32: 1e-4,
    torch.float16: 2e-2,
    torch.bfloat16: 1e-1,
}
N_PROBE_PROMPTS = 2  # number of probe prompts of random tokens
N_PROBE_TOKENS = 24  # tokens

_replayable_models: WeakKeyDictionary[TransformerBridge, Transformer | None] = WeakKeyDictionary()


def choose_engine(
    name: str,
    loaded_model: LoadedModel,
    batch: PromptBatch,
    progress: Progress = no_progress,
    memory: int | None = None,
    score: ScoreFunction | None = None,
) -> Engine:
    """Return the requested engine, or with `auto` the fastest one that is trusted on this model.

    Args:
        name: `auto`, `replay` or `reference`.
        loaded_model: the model.
        batch: its prompts.
        progress: shows the progress of a sweep.
        memory: bytes that the replay engine may use for its variants; None for a quarter of the free memory.
        score: the project's own score function, if the behaviour uses one.

    Raises:
        MiChecksError: replay is requested for a model whose logits it does not reproduce.
    """
    if name == "reference":
        return ReferenceEngine(loaded_model, batch, progress, score=score)
    model = replayable_model(loaded_model)
    if model is not None:
        return ReplayEngine(loaded_model, batch, model, progress, memory=memory, score=score)
    if name == "replay":
        raise MiChecksError(
            f"{loaded_model.name}: the replay engine does not reproduce this model; use --mi-engine reference or auto"
        )
    return ReferenceEngine(loaded_model, batch, progress, score=score)


def replayable_model(loaded_model: LoadedModel) -> Transformer | None:
    """Return the model's replayable function, or None if it does not reproduce the bridge's logits; tested once."""
    if loaded_model.bridge not in _replayable_models:
        model = read_transformer(loaded_model.bridge)
        reproduced = model is not None and reproduces_logits(model, loaded_model)
        _replayable_models[loaded_model.bridge] = model if reproduced else None
    return _replayable_models[loaded_model.bridge]


def reproduces_logits(model: Transformer, loaded_model: LoadedModel) -> bool:
    """Return whether function and bridge agree at every position of random prompts, within the dtype's tolerance."""
    generator = torch.Generator().manual_seed(0)
    shape = (N_PROBE_PROMPTS, min(N_PROBE_TOKENS, loaded_model.n_ctx))
    weights = model.weights["embed.weight"]
    tokens = torch.randint(0, len(weights), shape, generator=generator).to(weights.device)
    with torch.no_grad():
        expected = loaded_model.bridge(tokens).float()
        positions = torch.arange(shape[1], device=weights.device).expand(shape)
        run = ForwardPass(model, tokens, positions, positions[:, -1])
        replayed = model.logits(model.final_norm(run[model.n_layers - 1].whole.resid_post))
    limit = RELATIVE_TOLERANCES.get(weights.dtype, 0.0) * expected.abs().max()
    return bool((expected - replayed).abs().max() <= limit)
