"""The loader of TransformerLens' toy models: `config.json` with its own keys, and state dicts of HookedTransformer.

`TransformerBridge.boot_tl_legacy` does the same, but only from the hub and only while the hub can be reached, and it
does not say which files it read. The weights are converted by TransformerLens' own function.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformer_lens.conversion_utils import convert_tl_checkpoint

from mi_checks.models.downloads import TOKENIZER_FILES, download_files
from mi_checks.models.loaders.loader_common import LoadedBridge, Placement, error_text, read_state_dict
from mi_checks.models.loaders.native import load_native_weights, native_bridge_and_model
from mi_checks.models.loaders.tokenizer_files import (
    declared_special_tokens,
    read_folder_tokenizer,
    toy_model_beginning_token,
)
from mi_checks.models.loaders.transformerlens_config import check_normalization, refuse_unread_keys
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.models.sources.weight_files import sha256

COPIED_KEYS = ("n_layers", "n_heads", "d_model", "d_head", "n_ctx", "d_vocab", "act_fn")
READ_KEYS = (
    *COPIED_KEYS, "architecture", "attn_only", "d_mlp", "eps", "final_rms", "ln_eps", "normalization",
    "normalization_type"
)  # fmt: skip


def load_legacy(folder: ModelFolder, placement: Placement) -> LoadedBridge:
    """Load a folder in this layout.

    Args:
        folder: the folder.
        placement: the device and dtype.

    Raises:
        Unloadable: a file is missing, is more than tensors, or does not fit the config.
    """
    config, weights_path = native_config(folder.config), folder.weights
    bridge, unwrapped_model = native_bridge_and_model(config, placement)
    try:
        load_native_weights(bridge, convert_tl_checkpoint(read_state_dict(weights_path), bridge.cfg), placement)
    except (RuntimeError, ValueError) as error:
        raise Unloadable(f"{weights_path} does not fit config.json: {error_text(error)}") from error
    tokenizer_folder = _tokenizer_folder(folder)
    files = read_folder_tokenizer(tokenizer_folder)
    omits_bos = folder.config.get("default_prepend_bos") is False
    return LoadedBridge(
        bridge,
        files.tokenizer,
        bos=None
        if omits_bos
        else toy_model_beginning_token(files.tokenizer, declared_special_tokens(tokenizer_folder)),
        weights_sha256=sha256([weights_path]),
        tokenizer_sha256=files.sha256,
        revision=folder.revision or (f"checkpoint {folder.label}" if folder.label else ""),
        step=folder.step,
        unwrapped_model=unwrapped_model,
    )


def native_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the toy models' config in the keys of the native model.

    Raises:
        Unloadable: it describes something that the native model does not do, or has a key that is not known here.
    """
    if config.get("shortformer_pos"):
        raise Unloadable("its positional embedding (shortformer_pos) is no longer supported by TransformerLens")
    if config.get("architecture") in ("neel-solu-old", "mingpt"):
        raise Unloadable(f"its weights have the layout {config['architecture']!r}, which is not supported")
    if not isinstance(config.get("act_fn"), str):
        raise Unloadable("its config.json lacks act_fn")
    if config.get("positional_embedding_type", "standard") != "standard":
        raise Unloadable(
            f"its config.json says positional_embedding_type: {config['positional_embedding_type']!r}; this layout "
            "supports only 'standard'"
        )
    normalization = config.get("normalization", config.get("normalization_type"))
    check_normalization(normalization)
    refuse_unread_keys(config, (*READ_KEYS, "positional_embedding_type"))
    eps = config.get("ln_eps", config.get("eps"))
    return {
        **({} if eps is None else {"eps": eps}),
        **{key: config[key] for key in COPIED_KEYS},
        "d_mlp": config.get("d_mlp"),
        "attn_only": bool(config.get("attn_only")),
        "final_rms": bool(config.get("final_rms")),
        "normalization_type": normalization,
        "positional_embedding_type": "standard",
        "architecture": "TransformerLensNative",
    }


def _tokenizer_folder(folder: ModelFolder) -> Path:
    """Return the folder itself, or a copy of the tokenizer repository on the hub that its config names."""
    name = folder.config.get("tokenizer_name")
    if (folder.path / "tokenizer.json").exists() or not isinstance(name, str):
        return folder.path
    try:
        return download_files(name, None, TOKENIZER_FILES)
    except Unloadable as error:
        raise Unloadable(f"its folder has no tokenizer.json, and its tokenizer was not downloaded: {error}") from error
