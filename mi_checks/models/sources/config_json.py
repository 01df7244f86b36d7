"""Reading of `config.json`, and of the shape in it, in the keys of TransformerLens and of Hugging Face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.spec.node_names import ModelShape

REQUIRED_NUMBERS = ("n_layers", "n_heads", "d_model", "d_head", "n_ctx", "d_vocab")
# Architectures on the hub use different keys for the same number.
LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
HEAD_KEYS = ("num_attention_heads", "n_head", "num_heads", "n_heads")
KV_HEAD_KEYS = ("num_key_value_heads", "num_kv_heads")
NEURON_KEYS = ("intermediate_size", "n_inner", "ffn_dim", "ffn_hidden_size")
# Architectures whose config may leave out the number of neurons, which is then four times the width.
FOUR_TIMES_WIDTH = frozenset({"bloom", "codegen", "gpt2", "gpt_bigcode", "gpt_neo", "gptj"})
WIDTH_KEYS = ("hidden_size", "n_embd", "d_model")


def read_config(folder: Path) -> dict[str, Any]:
    """Return the contents of a folder's `config.json`.

    Raises:
        MiChecksError: it is missing, not JSON, or not a mapping.
    """
    path = folder / "config.json"
    try:
        status = path.stat()
        config = _parsed(path, status.st_mtime_ns, status.st_size)
    except FileNotFoundError:
        raise MiChecksError(
            f"{folder}: no config.json; a model folder contains config.json and model.safetensors"
        ) from None
    except OSError as error:
        raise MiChecksError(f"{path}: cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise MiChecksError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(config, dict):
        raise MiChecksError(f"{path}: must be a mapping of the keys of TransformerBridgeConfig")
    return dict(config)


@lru_cache(maxsize=64)
def _parsed(path: Path, _changed_ns: int, _n_bytes: int) -> Any:
    """Return what a JSON file contains, which is read once: each item of a run asks for the shape of its model."""
    return json.loads(path.read_text(encoding="utf-8"))


def is_huggingface(config: Mapping[str, Any]) -> bool:
    """Return whether the keys are those of Hugging Face's transformers."""
    return "model_type" in config or "architectures" in config


def check_numbers(config: Mapping[str, Any], folder: Path) -> None:
    """Raise if a config in TransformerLens' keys lacks the numbers that make a shape.

    Args:
        config: the config.
        folder: its folder, for the message.

    Raises:
        MiChecksError: keys are missing or are not whole numbers; the message names them.
    """
    numbers = [*REQUIRED_NUMBERS, *([] if config.get("attn_only") else ["d_mlp"])]
    wrong = [key for key in numbers if not isinstance(config.get(key), int)]
    if wrong:
        raise MiChecksError(f"{folder / 'config.json'}: needs a whole number for {', '.join(wrong)}")


def transformerlens_shape(config: Mapping[str, Any]) -> ModelShape:
    """Return the shape from TransformerLens' keys, which `check_numbers` must have passed."""
    heads, kv_heads = config["n_heads"], config.get("n_key_value_heads")
    return ModelShape(
        n_layers=config["n_layers"],
        n_heads=heads,
        d_mlp=None if config.get("attn_only") else config["d_mlp"],
        shared_kv_heads=kv_heads if kv_heads not in (None, heads) else None,
    )


def huggingface_shape(config: Mapping[str, Any]) -> ModelShape | None:
    """Return the shape from Hugging Face's keys, or None if only the weights show it.

    That is so if a key is missing, and in a mixture of experts, whose config has the number of neurons of one expert.
    """
    layers, heads, neurons = _first(config, LAYER_KEYS), _first(config, HEAD_KEYS), _neurons(config)
    if layers is None or heads is None or neurons is None or any("expert" in key for key in config):
        return None
    kv_heads = _first(config, KV_HEAD_KEYS)
    return ModelShape(
        n_layers=layers, n_heads=heads, d_mlp=neurons, shared_kv_heads=kv_heads if kv_heads != heads else None
    )


def _neurons(config: Mapping[str, Any]) -> int | None:
    """Return the number of neurons of an MLP, if the config says so, otherwise None."""
    n_neurons, width = _first(config, NEURON_KEYS), _first(config, WIDTH_KEYS)
    if n_neurons is None and width is not None and config.get("model_type") in FOUR_TIMES_WIDTH:
        return 4 * width
    return n_neurons


def _first(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int)), None)
