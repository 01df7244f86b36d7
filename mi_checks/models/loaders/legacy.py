"""The loader of TransformerLens' toy models: `config.json` with its own keys, and state dicts of HookedTransformer.

`TransformerBridge.boot_tl_legacy` does the same, but only from the hub and only while the hub can be reached, and it
does not say which files it read. The weights are converted by TransformerLens' own function.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformer_lens.conversion_utils import convert_tl_checkpoint

from mi_checks.models.downloads import TOKENIZER_FILES, snapshot
from mi_checks.models.loaders.loader_common import Loaded, Placement, read_state_dict, told
from mi_checks.models.loaders.native import fill, native_parts
from mi_checks.models.loaders.tokenizer_files import declarations, folders_tokenizer, trained_beginning
from mi_checks.models.loaders.transformerlens_config import check_normalization, refuse_unread
from mi_checks.models.sources.model_folder import Folder
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.models.sources.weight_files import sha256

COPIED_KEYS = ("n_layers", "n_heads", "d_model", "d_head", "n_ctx", "d_vocab", "act_fn")
READ_KEYS = (
    *COPIED_KEYS, "architecture", "attn_only", "d_mlp", "eps", "final_rms", "ln_eps", "normalization",
    "normalization_type"
)  # fmt: skip


def load_legacy(folder: Folder, to: Placement) -> Loaded:
    """Load a folder in this layout.

    Args:
        folder: the folder.
        to: the device and dtype.

    Raises:
        Unloadable: a file is missing, is more than tensors, or does not fit the config.
    """
    config, weights_path = native_config(folder.config), folder.weights
    bridge, unwrapped = native_parts(config, to)
    try:
        fill(bridge, convert_tl_checkpoint(read_state_dict(weights_path), bridge.cfg), to)
    except (RuntimeError, ValueError) as error:
        raise Unloadable(f"{weights_path} does not fit config.json: {told(error)}") from error
    place = _tokenizer_folder(folder)
    files = folders_tokenizer(place)
    without = folder.config.get("default_prepend_bos") is False
    return Loaded(
        bridge,
        files.tokenizer,
        bos=None if without else trained_beginning(files.tokenizer, declarations(place)),
        weights_sha256=sha256([weights_path]),
        tokenizer_sha256=files.sha256,
        revision=folder.revision or (f"checkpoint {folder.label}" if folder.label else ""),
        step=folder.step,
        unwrapped=unwrapped,
    )


def native_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the toy models' config in the keys of the native model.

    Raises:
        Unloadable: it describes something that the native model does not do, or has a key that is not known here.
    """
    if config.get("shortformer_pos"):
        raise Unloadable("its positional embedding (shortformer_pos) is one that TransformerLens no longer has")
    if config.get("architecture") in ("neel-solu-old", "mingpt"):
        raise Unloadable(f"its weights are laid out as {config['architecture']!r}, which is not read here")
    if not isinstance(config.get("act_fn"), str):
        raise Unloadable("its config.json does not say act_fn")
    if config.get("positional_embedding_type", "standard") != "standard":
        raise Unloadable(
            f"its config.json says positional_embedding_type: {config['positional_embedding_type']!r}; only 'standard' "
            "is read in this layout"
        )
    normalization = config.get("normalization", config.get("normalization_type"))
    check_normalization(normalization)
    refuse_unread(config, (*READ_KEYS, "positional_embedding_type"))
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


def _tokenizer_folder(folder: Folder) -> Path:
    """Return the folder itself, or a copy of the tokenizer repository on the hub that its config names."""
    name = folder.config.get("tokenizer_name")
    if (folder.path / "tokenizer.json").exists() or not isinstance(name, str):
        return folder.path
    try:
        return snapshot(name, None, TOKENIZER_FILES)
    except Unloadable as error:
        raise Unloadable(f"it has no tokenizer.json beside it, and its tokenizer is elsewhere: {error}") from error
