"""The bundled layout: `config.json` and safetensors, in the names of TransformerLens' native model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel, initialize_native_model

from mi_checks.models.loaders.loaded import Loaded, Placement, sha256, told
from mi_checks.models.loaders.tokenizer_files import read_tokenizer
from mi_checks.models.loaders.unwrapped import sharing_weights
from mi_checks.models.names import TOKENIZER
from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.source import Unloadable

# TransformerLens' native module and the bridge around it call the same parameters by different names.
NATIVE_TO_BRIDGE = {
    "tok_embed": "embed",
    "pos": "pos_embed",
    "layers": "blocks",
    "ln_out": "ln_final",
    "head": "unembed",
    "fc_in": "in",
    "fc_out": "out",
}


def load_native(folder: Folder, to: Placement) -> Loaded:
    """Load it.

    Raises:
        Unloadable: weights are missing, or do not fit the config.
    """
    weights_path, tokenizer_path = folder.weights, folder.path / "tokenizer.json"
    if not tokenizer_path.exists():
        tokenizer_path = TOKENIZER
    bridge, unwrapped = native_parts(folder.config, to)
    try:
        fill(bridge, {_bridge_name(name): tensor for name, tensor in load_file(weights_path).items()}, to)
    except FileNotFoundError:
        raise Unloadable(f"{weights_path} is missing") from None
    except (SafetensorError, RuntimeError) as error:
        raise Unloadable(f"{weights_path} does not fit config.json: {told(error)}") from None
    return Loaded(
        bridge,
        read_tokenizer(tokenizer_path),
        bos=0,
        weights_sha256=sha256([weights_path]),
        tokenizer_sha256=sha256([tokenizer_path]),
        revision=f"checkpoint {folder.label}" if folder.label else "",
        unwrapped=unwrapped,
    )


def native_bridge(config: Mapping[str, Any], to: Placement) -> TransformerBridge:
    """Return TransformerLens' own model with random weights."""
    return native_parts(config, to)[0]


def native_parts(config: Mapping[str, Any], to: Placement) -> tuple[TransformerBridge, NativeModel]:
    """Return TransformerLens' own model with random weights, in its bridge and without it; both share their weights.

    It does what `TransformerBridge.boot_native` does, which gives no access to the model before it is wrapped.
    """
    cfg = TransformerBridgeConfig.from_dict(dict(config))
    seeded = cfg.init_weights and cfg.seed is not None
    with torch.random.fork_rng(devices=[], enabled=seeded):
        model = NativeModel(cfg)
        if cfg.init_weights:
            initialize_native_model(model, cfg)
    model = model.to(to.device, to.dtype)
    unwrapped = sharing_weights(model)
    bridge = build_bridge_from_module(
        model,
        architecture="TransformerLensNative",
        tl_config=cfg,
        dtype=to.dtype,
        device=to.device,
        model_name="native",
    )
    return bridge, unwrapped


def fill(bridge: TransformerBridge, weights: Mapping[str, Tensor], to: Placement) -> None:
    """Give a native bridge its weights, every one of them.

    Raises:
        RuntimeError: one is missing, of another shape, or not the model's.
    """
    placed = {name: tensor.to(to.device, to.dtype) for name, tensor in weights.items()}
    # The bridge gives every unembedding a bias; a model trained without one has it zero.
    placed.setdefault("unembed.bias", torch.zeros(bridge.cfg.d_vocab, device=to.device, dtype=to.dtype))
    bridge.load_state_dict(placed)


def _bridge_name(native: str) -> str:
    return ".".join(NATIVE_TO_BRIDGE.get(part, part) for part in native.split("."))
