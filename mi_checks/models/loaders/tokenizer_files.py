"""A folder's tokenizer, and the token that begins every prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mi_checks.models.loaders.loaded import told
from mi_checks.models.sources.source import Unloadable

SPECIAL = ("bos_token", "eos_token", "unk_token", "pad_token")
BEGINNINGS = ("<|BOS|>", "<|endoftext|>", "<s>")  # what the toy models' tokenizers call it, where no file says


def read_tokenizer(path: Path) -> Tokenizer:
    """`tokenizer.json`.

    Raises:
        Unloadable: it is missing or broken.
    """
    if not path.exists():
        raise Unloadable(f"{path} is missing; a model's prompts are read with its own fast tokenizer")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises nothing narrower
        raise Unloadable(f"{path} is no tokenizer: {told(error)}") from None


def declarations(folder: Path) -> dict[str, Any]:
    """What `tokenizer_config.json` and `special_tokens_map.json` say of special tokens, as plain strings."""
    found: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        try:
            said = json.loads((folder / name).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            continue
        if isinstance(said, dict):
            found |= {key: _plain(value) for key, value in said.items() if key in (*SPECIAL, "add_bos_token")}
    return {key: value for key, value in found.items() if value is not None}


def own_beginning(tokenizer: Tokenizer, declared: Mapping[str, Any]) -> int | None:
    """The token that this tokenizer puts before a text of itself, or None where it puts none."""
    if declared.get("add_bos_token") is True:
        return _id(tokenizer, declared.get("bos_token"))
    if declared.get("add_bos_token") is False:
        return None
    alone, whole = (tokenizer.encode("a", add_special_tokens=add).ids for add in (False, True))
    return whole[0] if len(whole) > len(alone) and whole[1 : 1 + len(alone)] == alone else None


def trained_beginning(tokenizer: Tokenizer, declared: Mapping[str, Any]) -> int | None:
    """The beginning-of-sequence token of TransformerLens' toy models: they were trained with one before every text."""
    names = [declared.get("bos_token"), *BEGINNINGS]
    return next((found for found in (_id(tokenizer, name) for name in names) if found is not None), None)


def _plain(value: Any) -> Any:
    return value.get("content") if isinstance(value, dict) else value


def _id(tokenizer: Tokenizer, token: Any) -> int | None:
    return tokenizer.token_to_id(token) if isinstance(token, str) else None
