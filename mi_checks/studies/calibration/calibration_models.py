"""The models of the calibration: small ones with fresh random weights, and trained ones with a known circuit."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from mi_checks.models.load_model import load
from mi_checks.models.loaded_model import LoadedModel, Provenance
from mi_checks.models.loaders.loaded import Placement
from mi_checks.models.loaders.native import native_bridge
from mi_checks.prompts.tokenization import Tokenization
from mi_checks.spec.node_names import ModelShape

TRAINED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "nano-attn-2l": {"previous_token": ("L0H3",), "induction": ("L1H1", "L1H2")},
    "nano-gelu-2l": {"previous_token": ("L0H1",), "induction": ("L1H4",)},
}
LAYERS, HEADS, WIDTH, HEAD_WIDTH, CONTEXT = 2, 4, 64, 16, 128  # the shape of a fresh model, as small as the nano models


def tokenization() -> Tokenization:
    """Return the tokenization of the bundled models."""
    return trained("nano-attn-2l").tokenization


def trained(name: str) -> LoadedModel:
    """Return a bundled model."""
    return load(name, device="cpu")


def fresh(seed: int, tokens: Tokenization, *, mlps: bool) -> LoadedModel:
    """Return an untrained model with TransformerLens's initialisation; the same seed gives the same weights."""
    d_mlp = 4 * WIDTH
    config = {
        "n_layers": LAYERS,
        "n_heads": HEADS,
        "d_model": WIDTH,
        "d_head": HEAD_WIDTH,
        "d_mlp": d_mlp,
        "n_ctx": CONTEXT,
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
        shape=ModelShape(n_layers=LAYERS, n_heads=HEADS, d_mlp=d_mlp if mlps else None),
        n_ctx=CONTEXT,
        provenance=Provenance("random weights", "", "", "float32", "cpu", "raw"),
    )
