"""The models of the calibration, fresh and trained, and its prompts, which are those of `behaviours/induction.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.models.loaders.loader_common import Placement
from mi_checks.models.loaders.native import native_bridge
from mi_checks.prompts.batch import END, Prompt, PromptBatch
from mi_checks.prompts.build_prompts import build_prompts
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.behaviour import Prompts
from mi_checks.spec.node_names import ModelShape
from mi_checks.studies.calibration.calibrated_claims import RANDOM

TRAINED_CIRCUITS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nano-attn-2l": {"previous_token": ("L0H3",), "induction": ("L1H1", "L1H2")},
    "nano-gelu-2l": {"previous_token": ("L0H1",), "induction": ("L1H4",)},
}
N_LAYERS, N_HEADS, D_MODEL, D_HEAD, N_CTX = 2, 4, 64, 16, 128  # the shape of a fresh model, as small as the nano models
PROMPT_SPEC = Prompts.model_validate(
    {
        "variables": {
            "pre": {"tokens": "random", "length": 3, "distinct": True},
            "A": {"tokens": "random", "differs_from": "pre"},
            "B": {"tokens": "random", "differs_from": ["pre", "A"]},
            "mid": {"tokens": "random", "length": 2, "distinct": True, "differs_from": ["pre", "A", "B"]},
            "D": {"tokens": "random", "differs_from": ["pre", "A", "B", "mid"]},
            "C": {"tokens": "random", "differs_from": ["pre", "A", "B", "mid", "D"]},
            "post": {
                "tokens": "random",
                "length": 2,
                "distinct": True,
                "differs_from": ["pre", "A", "B", "mid", "D", "C"],
            },
            "query": {"same_as": "A"},
        },
        "template": "{{ pre }}{{ A | at('A1') }}{{ B | at('B1') }}{{ mid }}"
        "{{ D | at('D1') }}{{ C | at('C1') }}{{ post }}{{ query | at('A2') }}",
        "corrupt": {"A": "D", "D": "A"},
        "answer": "{{ B }}",
        "foils": ["{{ C }}"],
    }
)
N_POSITIONS = 13  # the tokens of a prompt, including the first


def bundled_tokenization() -> Tokenization:
    """Return the tokenization of the bundled models."""
    return trained_model("nano-attn-2l").tokenization


def trained_model(name: str) -> LoadedModel:
    """Return a bundled model."""
    return load(name, device="cpu")


def fresh_model(seed: int, tokens: Tokenization, *, mlps: bool) -> LoadedModel:
    """Return an untrained model with TransformerLens's initialisation; the same seed gives the same weights."""
    d_mlp = 4 * D_MODEL
    config = {
        "n_layers": N_LAYERS,
        "n_heads": N_HEADS,
        "d_model": D_MODEL,
        "d_head": D_HEAD,
        "d_mlp": d_mlp,
        "n_ctx": N_CTX,
        "d_vocab": tokens.tokenizer.get_vocab_size(),
        "act_fn": "gelu",
        "attn_only": not mlps,
        "eps": 1e-5,
        "normalization_type": "LN",
        "positional_embedding_type": "standard",
        "architecture": "TransformerLensNative",
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        bridge = native_bridge(config, Placement(torch.device("cpu"), torch.float32)).eval()
    bridge.requires_grad_(False)
    return LoadedModel(
        name="fresh",
        bridge=bridge,
        tokenization=tokens,
        shape=ModelShape(n_layers=N_LAYERS, n_heads=N_HEADS, d_mlp=d_mlp if mlps else None),
        n_ctx=N_CTX,
        provenance=Provenance("random weights", "", "", "float32", "cpu", "raw"),
    )


def draw_batch(tokenization: Tokenization, count: int, seed: int) -> PromptBatch:
    """Return a number of prompt pairs, all of them `N_POSITIONS` tokens long."""
    return build_prompts(PROMPT_SPEC, tokenization, behaviour="calibration", count=count, seed=seed)


def with_random_answers(batch: PromptBatch, tokenization: Tokenization, rng: np.random.Generator) -> PromptBatch:
    """Replace answer and foil of every prompt by two random tokens of the whole vocabulary."""
    vocabulary = tokenization.tokenizer.get_vocab_size()
    pairs = []
    for pair in batch.pairs:
        answer, foil = (int(token) for token in rng.choice(vocabulary, 2, replace=False))
        pairs.append(
            replace(
                pair,
                answers=(tokenization.piece(answer),),
                foils=(tokenization.piece(foil),),
                answer_tokens=((answer,),),
                foil_tokens=((foil,),),
            )
        )
    return replace(batch, pairs=tuple(pairs))


def with_random_positions(batch: PromptBatch, rng: np.random.Generator) -> PromptBatch:
    """Label a random position of every prompt `drawn`, END included: attention from END to it is 1/n on average."""
    pairs = []
    for pair in batch.pairs:
        place = int(rng.integers(pair.clean.labels[END][-1] + 1))
        clean, corrupt = (_with_random_label(prompt, place) for prompt in (pair.clean, pair.corrupt))
        pairs.append(replace(pair, clean=clean, corrupt=corrupt))
    return replace(batch, pairs=tuple(pairs))


def _with_random_label(prompt: Prompt, place: int) -> Prompt:
    return replace(prompt, labels={**prompt.labels, RANDOM: (place,)})
