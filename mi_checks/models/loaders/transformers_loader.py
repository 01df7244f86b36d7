"""The loaders that use transformers: of folders in Hugging Face's layout, and of GGUF files."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from torch import nn
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig, PreTrainedTokenizerFast

from mi_checks.errors import MiChecksError
from mi_checks.models.loaders.loader_common import (
    LoadedBridge,
    Placement,
    copy_sharing_weights,
    error_text,
    quiet_transformers,
    read_state_dict,
)
from mi_checks.models.loaders.tokenizer_files import (
    SPECIAL_TOKEN_KEYS,
    beginning_token,
    declared_special_tokens,
    read_folder_tokenizer,
)
from mi_checks.models.sources.gguf_file import read_header, require_reader
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.models.sources.weight_files import are_pickles, find_weight_files, sha256

# What TransformerLens' adapters do not know, by model type: a key of config.json, its value there, and why.
UNSUPPORTED = {
    "falcon": (
        "new_decoder_architecture",
        True,
        "its adapter for Falcon cannot split the grouped queries, keys and values of the new decoder architecture",
    ),
    "gpt_bigcode": ("multi_query", False, "its adapter for GPTBigCode expects one key and one value for all heads"),
    "gpt_neox": ("attention_bias", False, "its adapter for GPT-NeoX expects biases in the attention's projections"),
    "opt": (
        "do_layer_norm_before",
        False,
        "its adapter for OPT expects a norm before the logits, which such a model does not have",
    ),
}


def load_huggingface(folder: ModelFolder, placement: Placement) -> LoadedBridge:
    """Load a folder with transformers and wrap the model in a bridge.

    Args:
        folder: the folder.
        placement: the device and dtype.

    Raises:
        Unloadable: weights are missing, do not fit the config or are more than tensors, the model needs code of its
            own, or TransformerLens cannot wrap it.
    """
    if folder.label is not None:
        raise Unloadable(f"{folder.path} has no training checkpoints; a folder in transformers' layout holds one model")
    if "auto_map" in folder.config and not _is_in_transformers(folder):
        raise Unloadable("it needs its own code (auto_map in config.json), which is never run")
    if folder.config.get("is_encoder_decoder"):
        raise Unloadable("it is an encoder-decoder model, and only decoder-only models can be measured")
    weights, declared = find_weight_files(folder.path), declared_special_tokens(folder.path)
    files = read_folder_tokenizer(folder.path)
    bos = beginning_token(files.tokenizer, declared)
    special = {key: value for key, value in declared.items() if key in SPECIAL_TOKEN_KEYS}
    pickles = are_pickles(weights)
    try:
        bridge, unwrapped_model = load_bridge(
            str(folder.path),
            PreTrainedTokenizerFast(tokenizer_object=files.tokenizer, **special),
            placement,
            use_safetensors=not pickles,
            weights_only=True,
            local_files_only=True,
        )
    except Unloadable:
        for path in weights if pickles else ():
            read_state_dict(path)  # raises if this file is at fault, and says why
        raise
    return LoadedBridge(
        bridge,
        files.tokenizer,
        bos=bos,
        weights_sha256=sha256(weights),
        tokenizer_sha256=files.sha256,
        revision=folder.revision,
        unwrapped_model=unwrapped_model,
    )


def load_bridge(
    folder: str, tokenizer: Any, placement: Placement, **options: Any
) -> tuple[TransformerBridge, nn.Module]:
    """Return a model that transformers loads, in a bridge, and the same model on the same weights without the bridge.

    Args:
        folder: the folder.
        tokenizer: its tokenizer, for the bridge.
        placement: the device and dtype.
        **options: arguments of `from_pretrained`.

    Raises:
        Unloadable: transformers or TransformerLens refuses, or a weight of the model is not in the files.
    """
    # Otherwise TransformerLens loads the tokenizer again by its name, which may be on the hub.
    tokenizer.init_kwargs |= {"add_bos_token": True, "name_or_path": folder}
    try:
        with quiet_transformers():
            hf_model, info = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=placement.dtype,
                attn_implementation="eager",  # the only implementation whose patterns can be read
                trust_remote_code=False,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below, by name
                **options,
            )
            _check_weights(hf_model, info)
            hf_model.to(placement.device)
    except MiChecksError:
        raise
    except Exception as error:  # any error of transformers for unexpected files
        raise Unloadable(f"transformers cannot load it: {error_text(error)}") from error
    if "gguf_file" in options:
        _undo_gguf(hf_model)
    _check_supported(hf_model)
    unwrapped_model = copy_sharing_weights(hf_model)
    try:
        with quiet_transformers():
            bridge = TransformerBridge.boot_transformers(
                folder, hf_model=hf_model, tokenizer=tokenizer, device=placement.device, dtype=placement.dtype
            )
    except Exception as error:  # any error of TransformerLens for an unexpected model
        raise Unloadable(f"TransformerLens cannot wrap {type(hf_model).__name__}: {error_text(error)}") from error
    return bridge, unwrapped_model


def _check_supported(hf_model: Any) -> None:
    """Raise if TransformerLens is known to have no adapter for a model, with the reason instead of its exception.

    Raises:
        Unloadable: there is none.
    """
    config = hf_model.config
    if config.model_type in UNSUPPORTED:
        key, value, reason = UNSUPPORTED[config.model_type]
        if getattr(config, key, None) is value:
            raise Unloadable(f"TransformerLens cannot run it: {reason} ({key!r}: {str(value).lower()} in config.json)")


def _undo_gguf(hf_model: Any) -> None:
    """Remove the quantization from a de-quantized model's config, which TransformerLens would otherwise believe."""
    hf_model.config.quantization_config = None
    if not hf_model.config.architectures:  # GGUF files of most architectures do not name transformers' class
        hf_model.config.architectures = [type(hf_model).__name__]


def _check_weights(hf_model: Any, info: dict[str, Any]) -> None:
    """Raise if weights are missing or of another shape, which transformers fills at random, or are left out.

    Raises:
        Unloadable: weights are missing, of another shape, or left out.
    """
    if info["missing_keys"]:
        raise Unloadable(f"its files lack weights: {_first_three(info['missing_keys'])}")
    if info["mismatched_keys"]:
        name, stored, wanted = min((str(key), *sizes) for key, *sizes in info["mismatched_keys"])
        rest = len(info["mismatched_keys"]) - 1
        others = f", and {rest} more do not fit" if rest else ""
        raise Unloadable(f"{name} is {_shape(stored)} in its files, but its config requires {_shape(wanted)}{others}")
    known = {_unnumbered(name) for name in hf_model.state_dict()}
    more = {name for name in info["unexpected_keys"] if _unnumbered(name) in known}
    if more:
        raise Unloadable(f"its files contain weights that config.json does not describe: {_first_three(more)}")


def _first_three(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _shape(size: Any) -> str:
    return " × ".join(map(str, size))


def _unnumbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def _is_in_transformers(folder: ModelFolder) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return folder.config.get("model_type") in CONFIG_MAPPING


def load_gguf(path: Path, placement: Placement, *, revision: str = "") -> LoadedBridge:
    """Load a GGUF file.

    Args:
        path: the file.
        placement: the device and dtype.
        revision: the revision to record, if there is one.

    Raises:
        Unloadable: it is not a GGUF file, the package `gguf` is not installed, or transformers or TransformerLens does
            not know the architecture.
    """
    require_reader()
    read_header(path)  # raises with a one-line message if it is not a GGUF file
    file_options = {"gguf_file": path.name, "local_files_only": True}
    try:
        with quiet_transformers():
            hf_tokenizer = AutoTokenizer.from_pretrained(str(path.parent), trust_remote_code=False, **file_options)
            tokenizer = hf_tokenizer.backend_tokenizer
    except Exception as error:  # any error of transformers or gguf for an unexpected file
        raise Unloadable(f"{path}: its tokenizer cannot be read: {error_text(error)}") from error
    bos = beginning_token(tokenizer, {})
    # If blocks stayed quantized, transformers would look for compiled kernels on the hub.
    bridge, unwrapped_model = load_bridge(
        str(path.parent), hf_tokenizer, placement, quantization_config=GgufConfig(dequantize=True), **file_options
    )
    return LoadedBridge(
        bridge,
        tokenizer,
        bos=bos,
        weights_sha256=sha256([path]),
        tokenizer_sha256=hashlib.sha256(tokenizer.to_str().encode()).hexdigest(),  # it has no file of its own
        revision=revision,
        unwrapped_model=unwrapped_model,
    )
