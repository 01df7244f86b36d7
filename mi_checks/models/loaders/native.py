"""The loader of the bundled layout: `config.json` and safetensors, in the names of TransformerLens' native model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel, initialize_native_model

from mi_checks.models.loaders.loader_common import LoadedBridge, Placement, copy_sharing_weights, error_text
from mi_checks.models.loaders.tokenizer_files import (
    declared_special_tokens,
    has_tokenizer,
    read_folder_tokenizer,
    toy_model_beginning_token,
)
from mi_checks.models.loaders.transformerlens_config import NATIVE_KEYS, check_normalization, refuse_unread_keys
from mi_checks.models.model_names import NANO_TOKENIZER
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.models.sources.weight_files import sha256

# TransformerLens' native module and its bridge have different names for the same parameters.
NATIVE_TO_BRIDGE = {
    "tok_embed": "embed",
    "pos": "pos_embed",
    "layers": "blocks",
    "ln_out": "ln_final",
    "head": "unembed",
    "fc_in": "in",
    "fc_out": "out",
}


def load_native(folder: ModelFolder, placement: Placement) -> LoadedBridge:
    """Load a folder in this layout.

    Args:
        folder: the folder.
        placement: the device and dtype.

    Raises:
        Unloadable: weights are missing or do not fit the config, or the config describes something that the native
            model does not do.
    """
    check_normalization(folder.config.get("normalization_type", "LN"))
    refuse_unread_keys(folder.config, NATIVE_KEYS)
    weights_path = folder.weights
    tokenizer_folder = folder.path if has_tokenizer(folder.path) else NANO_TOKENIZER.parent
    files, declared = read_folder_tokenizer(tokenizer_folder), declared_special_tokens(tokenizer_folder)
    bridge, unwrapped_model = native_bridge_and_model(folder.config, placement)
    try:
        load_native_weights(
            bridge, {_bridge_name(name): tensor for name, tensor in load_file(weights_path).items()}, placement
        )
    except FileNotFoundError as error:
        raise Unloadable(f"{weights_path} is missing") from error
    except (OSError, SafetensorError, RuntimeError, ValueError) as error:
        raise Unloadable(f"{weights_path} does not fit config.json: {error_text(error)}") from error
    return LoadedBridge(
        bridge,
        files.tokenizer,
        bos=_beginning(files.tokenizer, declared),
        weights_sha256=sha256([weights_path]),
        tokenizer_sha256=files.sha256,
        revision=f"checkpoint {folder.label}" if folder.label else "",
        step=folder.step,
        unwrapped_model=unwrapped_model,
    )


def _beginning(tokenizer: Tokenizer, declared: Mapping[str, Any]) -> int | None:
    """Return the token that training texts began with: the one that the files name, else the vocabulary's first."""
    if declared.get("add_bos_token") is False:
        return None
    named = toy_model_beginning_token(tokenizer, declared)
    return 0 if named is None else named


def native_bridge(config: Mapping[str, Any], placement: Placement) -> TransformerBridge:
    """Return TransformerLens' own model with random weights.

    Args:
        config: the config in TransformerLens' keys; keys that its native model does not use are left out.
        placement: the device and dtype.

    Raises:
        Unloadable: TransformerLens cannot build the model.
    """
    return native_bridge_and_model(config, placement)[0]


def native_bridge_and_model(config: Mapping[str, Any], placement: Placement) -> tuple[TransformerBridge, NativeModel]:
    """Return TransformerLens' own model with random weights, in its bridge and without it; both share their weights.

    It does what `TransformerBridge.boot_native` does, which gives no access to the model before it is wrapped.

    Raises:
        Unloadable: TransformerLens cannot build a model from the config.
    """
    known_config = {key: value for key, value in config.items() if key in NATIVE_KEYS}
    try:
        cfg = TransformerBridgeConfig.from_dict(known_config)
        with torch.random.fork_rng(devices=[], enabled=cfg.init_weights and cfg.seed is not None):
            model = NativeModel(cfg)
            if cfg.init_weights:
                initialize_native_model(model, cfg)
        model = model.to(placement.device, placement.dtype)
        unwrapped_model = copy_sharing_weights(model)
        bridge = build_bridge_from_module(
            model,
            architecture="TransformerLensNative",
            tl_config=cfg,
            dtype=placement.dtype,
            device=placement.device,
            model_name="native",
        )
    except Exception as error:  # any error of TransformerLens or torch for numbers that do not fit each other
        raise Unloadable(f"TransformerLens cannot build a model from its config.json: {error_text(error)}") from error
    return bridge, unwrapped_model


def load_native_weights(bridge: TransformerBridge, weights: Mapping[str, Tensor], placement: Placement) -> None:
    """Load all weights of a native bridge.

    Raises:
        ValueError: a weight is missing, has another shape, or does not belong to the model.
    """
    placed = {name: tensor.to(placement.device, placement.dtype) for name, tensor in weights.items()}
    # The bridge gives every unembedding a bias, which is zero for a model trained without one.
    placed.setdefault("unembed.bias", torch.zeros(bridge.cfg.d_vocab, device=placement.device, dtype=placement.dtype))
    expected = bridge.state_dict()
    for what, names in (
        ("is missing", {*expected} - {*placed}),
        ("is not a weight of the model", {*placed} - {*expected}),
    ):
        if names:
            more = f", and {len(names) - 1} more" if len(names) > 1 else ""
            raise ValueError(f"{min(names)} {what}{more}")
    for name, tensor in placed.items():
        if tensor.shape != expected[name].shape:
            raise ValueError(f"{name} is {_shape(tensor)}, but the config requires {_shape(expected[name])}")
    bridge.load_state_dict(placed)


def _shape(tensor: Tensor) -> str:
    return " × ".join(map(str, tensor.shape))


def _bridge_name(native: str) -> str:
    return ".".join(NATIVE_TO_BRIDGE.get(part, part) for part in native.split("."))
