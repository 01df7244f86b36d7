"""The layout of TransformerLens' toy models: a `config.json` of its own keys, and state dicts in the names of its
former HookedTransformer.

`TransformerBridge.boot_tl_legacy` does the same, but only from the hub and only while the hub answers, and it does not
say which files it read; the conversion of the weights is its own.
"""

from __future__ import annotations

import pickle
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformer_lens.conversion_utils import convert_tl_checkpoint

from mi_checks.models.hub import TOKENIZER_FILES, snapshot
from mi_checks.models.loaders.loaded import Loaded, Placement, sha256, told
from mi_checks.models.loaders.native import fill, native_parts
from mi_checks.models.loaders.tokenizer_files import declarations, read_tokenizer, trained_beginning
from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.source import Unloadable

COPIED = ("n_layers", "n_heads", "d_model", "d_head", "n_ctx", "d_vocab", "act_fn")


def load_legacy(folder: Folder, to: Placement) -> Loaded:
    """Load it.

    Raises:
        Unloadable: a file is missing, is more than tensors, or does not fit the config.
    """
    config, weights_path = native_config(folder.config), folder.weights
    bridge, unwrapped = native_parts(config, to)
    try:
        fill(bridge, convert_tl_checkpoint(_state_dict(weights_path), bridge.cfg), to)
    except (RuntimeError, ValueError) as error:
        raise Unloadable(f"{weights_path} does not fit config.json: {told(error)}") from None
    place = _tokenizer_folder(folder)
    tokenizer = read_tokenizer(place / "tokenizer.json")
    return Loaded(
        bridge,
        tokenizer,
        bos=trained_beginning(tokenizer, declarations(place)),
        weights_sha256=sha256([weights_path]),
        tokenizer_sha256=sha256([place / "tokenizer.json"]),
        revision=folder.revision or (f"checkpoint {folder.label}" if folder.label else ""),
        unwrapped=unwrapped,
    )


def native_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """The toy models' keys in those of the native model.

    Raises:
        Unloadable: it describes a model that the native one is not.
    """
    if config.get("shortformer_pos"):
        raise Unloadable("its positional embedding (shortformer_pos) is one that TransformerLens no longer has")
    if config.get("architecture") in ("neel-solu-old", "mingpt"):
        raise Unloadable(f"its weights are laid out as {config['architecture']!r}, which is not read here")
    if not isinstance(config.get("act_fn"), str):
        raise Unloadable("its config.json does not say act_fn")
    return {
        **{key: config[key] for key in COPIED},
        "d_mlp": config.get("d_mlp"),
        "attn_only": bool(config.get("attn_only")),
        "final_rms": bool(config.get("final_rms")),
        "normalization_type": config.get("normalization", config.get("normalization_type")),
        "positional_embedding_type": "standard",
        "architecture": "TransformerLensNative",
    }


def _state_dict(path: Path) -> dict[str, Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Unloadable(f"{path} holds more than tensors, and only tensors are loaded (weights_only=True)") from None
    except (OSError, RuntimeError, EOFError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Unloadable(f"{path} is no file of weights: {told(error, 1)}") from None
    if not isinstance(found, dict) or not all(isinstance(tensor, Tensor) for tensor in found.values()):
        raise Unloadable(f"{path} is no state dict: a mapping of names to tensors")
    return found


def _tokenizer_folder(folder: Folder) -> Path:
    """The folder itself, or a copy of what its config names on the hub."""
    name = folder.config.get("tokenizer_name")
    if (folder.path / "tokenizer.json").exists() or not isinstance(name, str):
        return folder.path
    try:
        return snapshot(name, None, TOKENIZER_FILES)
    except Unloadable as error:
        raise Unloadable(f"it has no tokenizer.json beside it, and its tokenizer is elsewhere: {error}") from None
