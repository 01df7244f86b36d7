"""The layout of Hugging Face's transformers: `config.json`, safetensors, `tokenizer.json`."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from torch import nn
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.utils import logging

from mi_checks.models.loaders.loaded import Loaded, Placement, sha256, told
from mi_checks.models.loaders.tokenizer_files import SPECIAL, declarations, own_beginning, read_tokenizer
from mi_checks.models.loaders.unwrapped import sharing_weights
from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.source import Unloadable

PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.ckpt")
# What transformers and TransformerLens raise on a folder that is not as they expect it.
REFUSALS = (OSError, ValueError, RuntimeError, KeyError, TypeError, NotImplementedError, ImportError, SafetensorError)


def load_huggingface(folder: Folder, to: Placement) -> Loaded:
    """Load it with transformers and wrap it in a bridge.

    Raises:
        Unloadable: weights are missing or do not fit the config, are pickles, or need code of their own, or it is a
            model that TransformerLens cannot wrap.
    """
    if folder.label is not None:
        raise Unloadable(f"{folder.path} has no training checkpoints; a folder of transformers' layout holds one model")
    if "auto_map" in folder.config and not _is_in_transformers(folder):
        raise Unloadable("it needs code of its own (auto_map in config.json), which is never run")
    weights, tokenizer_path = weight_files(folder.path), folder.path / "tokenizer.json"
    tokenizer, declared = read_tokenizer(tokenizer_path), declarations(folder.path)
    special = {key: value for key, value in declared.items() if key in SPECIAL}
    bridge, unwrapped = bridged(
        str(folder.path),
        PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special),
        to,
        use_safetensors=True,
        local_files_only=True,
    )
    return Loaded(
        bridge,
        tokenizer,
        bos=own_beginning(tokenizer, declared),
        weights_sha256=sha256(weights),
        tokenizer_sha256=sha256([tokenizer_path]),
        revision=folder.revision,
        unwrapped=unwrapped,
    )


def bridged(place: str, tokenizer: Any, to: Placement, **how: Any) -> tuple[TransformerBridge, nn.Module]:
    """Load a folder with transformers and wrap it; return the bridge, and the model without it on the same weights.

    Raises:
        Unloadable: either of the two refuses, or a weight of the model is not in the files.
    """
    # Otherwise TransformerLens loads the tokenizer again by its name, which may be on the hub.
    tokenizer.init_kwargs |= {"add_bos_token": True, "name_or_path": place}
    try:
        with quiet():
            hf_model, info = AutoModelForCausalLM.from_pretrained(
                place,
                dtype=to.dtype,
                attn_implementation="eager",  # the one whose patterns can be read
                trust_remote_code=False,
                output_loading_info=True,
                **how,
            )
            _all_there(hf_model, info)
            if "gguf_file" in how:  # it is de-quantized, and TransformerLens would take it for what it was
                hf_model.config.quantization_config = None
            hf_model.to(to.device)
            unwrapped = sharing_weights(hf_model)
            bridge = TransformerBridge.boot_transformers(
                place, hf_model=hf_model, tokenizer=tokenizer, device=to.device, dtype=to.dtype
            )
            return bridge, unwrapped
    except REFUSALS as error:
        raise Unloadable(told(error)) from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No bars from transformers, which draws them whatever the output is; not all of them can be switched off."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _all_there(hf_model: Any, info: dict[str, Any]) -> None:
    """transformers draws missing weights at random and drops layers that the config does not count."""
    if info["missing_keys"]:
        raise ValueError(f"weights are missing in its files: {_some(info['missing_keys'])}")
    known = {_unnumbered(name) for name in hf_model.state_dict()}
    more = {name for name in info["unexpected_keys"] if _unnumbered(name) in known}
    if more:
        raise ValueError(f"its files hold weights that config.json does not count: {_some(more)}")


def _some(names: Any) -> str:
    names = sorted(names)
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _unnumbered(name: str) -> str:
    return re.sub(r"\d+", "#", name)


def weight_files(folder: Path) -> list[Path]:
    """The files that transformers will read.

    Raises:
        Unloadable: one is missing, or there are pickles only.
    """
    single, index = folder / "model.safetensors", folder / "model.safetensors.index.json"
    if single.exists():
        return [single]
    if index.exists():
        try:
            shards = sorted(
                {str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()}
            )
        except (ValueError, KeyError, AttributeError, TypeError):
            raise Unloadable(f"{index} is no index of weights") from None
        for name in shards:
            if not (folder / name).exists():
                raise Unloadable(f"{folder / name} is missing, which {index.name} names")
        return [folder / name for name in shards]
    pickles = sorted(path.name for pattern in PICKLES for path in folder.glob(pattern))
    if pickles:
        raise Unloadable(
            f"{folder} holds its weights as pickles only ({pickles[0]}), which can run code when they are loaded; "
            "convert them to model.safetensors"
        )
    raise Unloadable(f"{single} is missing")


def _is_in_transformers(folder: Folder) -> bool:
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return folder.config.get("model_type") in CONFIG_MAPPING
