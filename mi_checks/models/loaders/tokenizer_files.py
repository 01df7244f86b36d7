"""The tokenizer of a folder, from whatever files it has, and the token that begins every prompt."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from mi_checks.models.loaders.loader_common import error_text
from mi_checks.models.sources.model_source import Unloadable
from mi_checks.models.sources.weight_files import sha256

SPECIAL_TOKEN_KEYS = ("bos_token", "eos_token", "unk_token", "pad_token")
BEGINNINGS = ("<|BOS|>", "<|endoftext|>", "<s>")  # names of this token in the toy models, if no file names it
PROBE_TEXTS = ("a", "0", ".", "и", "的")  # texts, of which every vocabulary knows at least one
MAX_TOKEN_PROBES = 32  # number of the vocabulary's tokens to try as texts if it knows none of them
REMEDY = "save it as tokenizer.json: transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
# Vocabularies whose ids are not those of the model without the code of the tokenizer.
UNSUPPORTED_FILES = ("spiece.model", "sentencepiece.bpe.model", "sentencepiece.model", "tekken.json", "tiktoken.model")


@dataclass(frozen=True)
class FolderTokenizer:
    """A tokenizer and the digest of its files.

    Attributes:
        tokenizer: the tokenizer.
        sha256: hash of `tokenizer.json`, or of the converted tokenizer if that file does not exist.
    """

    tokenizer: Tokenizer
    sha256: str


def read_folder_tokenizer(folder: Path) -> FolderTokenizer:
    """Return the tokenizer of a folder in transformers' layout.

    It is read from `tokenizer.json`, or from the files that older models have instead: `vocab.json` with `merges.txt`,
    `tokenizer.model` (SentencePiece), or `vocab.txt` (WordPiece).

    Raises:
        Unloadable: there are no such files, or they are broken or cannot be converted exactly.
    """
    path = folder / "tokenizer.json"
    if path.exists():
        return FolderTokenizer(read_tokenizer(path), sha256([path]))
    tokenizer = _converted(folder)
    return FolderTokenizer(tokenizer, hashlib.sha256(tokenizer.to_str().encode()).hexdigest())


def read_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer in a `tokenizer.json`.

    Raises:
        Unloadable: the file is missing or broken.
    """
    if not path.exists():
        raise Unloadable(f"{path} is missing; prompts are tokenized with the model's own fast tokenizer")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the Rust library raises no narrower type
        raise Unloadable(f"{path} is not a tokenizer file: {error_text(error)}") from error


def declared_special_tokens(folder: Path) -> dict[str, Any]:
    """Return the special tokens in `tokenizer_config.json` and `special_tokens_map.json`, as plain strings."""
    declared: dict[str, Any] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        mapping = read_mapping(folder / name)
        declared |= {
            key: _plain(value) for key, value in mapping.items() if key in (*SPECIAL_TOKEN_KEYS, "add_bos_token")
        }
    return {key: value for key, value in declared.items() if value is not None}


def read_mapping(path: Path) -> dict[str, Any]:
    """Return a JSON file's mapping; an empty one if the file is missing or holds something else."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def beginning_token(tokenizer: Tokenizer, declared: Mapping[str, Any]) -> int | None:
    """Return the token that this tokenizer puts before a text, or None.

    What it puts after a text, or twice before it, is not part of a prompt.

    Args:
        tokenizer: the tokenizer.
        declared: the special tokens that the files declare, see `declared_special_tokens`.

    Raises:
        Unloadable: it puts several different tokens there, or the files name a token that it does not know.
    """
    if declared.get("add_bos_token") is False:
        return None
    if declared.get("add_bos_token") is True and "bos_token" in declared:
        token = _id(tokenizer, declared["bos_token"])
        if token is None:
            raise Unloadable(
                f"its tokenizer_config.json puts {declared['bos_token']!r} before every text, which is not a token of "
                "its tokenizer"
            )
        return token
    before = _before(tokenizer)
    if len(set(before)) > 1:
        tokens = " ".join(repr(tokenizer.id_to_token(token)) for token in before)
        raise Unloadable(f"its tokenizer begins every text with {tokens}, but a prompt may begin with only one token")
    return before[0] if before else None


def toy_model_beginning_token(tokenizer: Tokenizer, declared: Mapping[str, Any]) -> int | None:
    """Return the beginning-of-sequence token of TransformerLens' toy models, with which their training texts begin."""
    names = [declared.get("bos_token"), *BEGINNINGS]
    return next((found for found in (_id(tokenizer, name) for name in names) if found is not None), None)


def _before(tokenizer: Tokenizer) -> tuple[int, ...]:
    """Return the tokens that the tokenizer puts before a text."""
    for probe in (*PROBE_TEXTS, *itertools.islice(tokenizer.get_vocab(), MAX_TOKEN_PROBES)):
        without_special, with_special = (tokenizer.encode(probe, add_special_tokens=add).ids for add in (False, True))
        if without_special:
            n = len(without_special)
            starts = (i for i in range(len(with_special) - n + 1) if with_special[i : i + n] == without_special)
            return tuple(with_special[: next(starts, 0)])
    return ()


def _converted(folder: Path) -> Tokenizer:
    from mi_checks.models.loaders.converted_tokenizers import read_byte_pairs, read_sentencepiece, read_word_pieces

    names = _names(folder)
    if "vocab.json" in names and "merges.txt" in names:
        return read_byte_pairs(folder)
    if "tokenizer.model" in names:
        add_bos = declared_special_tokens(folder).get("add_bos_token", True)
        return _with_added(read_sentencepiece(folder / "tokenizer.model", add_bos=add_bos), folder)
    if "vocab.txt" in names:
        return read_word_pieces(folder)
    missing = f"{folder / 'tokenizer.json'} is missing"
    for other, why in (
        ("vocab.json", "its vocab.json cannot be used without merges.txt"),
        ("merges.txt", "its merges.txt cannot be used without vocab.json"),
        *((name, f"{name} is not supported") for name in UNSUPPORTED_FILES),
    ):
        if other in names:
            raise Unloadable(f"{missing}, and {why}; {REMEDY}")
    raise Unloadable(
        f"{missing}, and so are vocab.json with merges.txt, tokenizer.model and vocab.txt; prompts are "
        "tokenized with the model's own tokenizer"
    )


def _with_added(tokenizer: Tokenizer, folder: Path) -> Tokenizer:
    """Return a tokenizer with the tokens that other files of its folder add to its vocabulary.

    Raises:
        Unloadable: a token would get another id than the files say.
    """
    added = {token: AddedToken(str(text)) for text, token in read_mapping(folder / "added_tokens.json").items()}
    declared = read_mapping(folder / "tokenizer_config.json").get("added_tokens_decoder")
    for token, entry in (declared if isinstance(declared, dict) else {}).items():
        if isinstance(entry, dict) and "content" in entry and str(token).isdecimal():
            options = {key: entry[key] for key in ("lstrip", "rstrip", "normalized", "special") if key in entry}
            added[int(token)] = AddedToken(entry["content"], **options)
    for token in sorted(token for token in added if isinstance(token, int)):
        if tokenizer.id_to_token(token) == added[token].content:
            continue
        tokenizer.add_tokens([added[token]])
        if tokenizer.token_to_id(added[token].content) != token:
            raise Unloadable(
                f"{folder} adds the token {added[token].content!r} with the id {token}, which it cannot get"
            )
    return tokenizer


def has_tokenizer(folder: Path) -> bool:
    """Return whether a folder holds files of a tokenizer of any kind."""
    return not _names(folder).isdisjoint(
        ("tokenizer.json", "vocab.json", "tokenizer.model", "vocab.txt", *UNSUPPORTED_FILES)
    )


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def _plain(value: Any) -> Any:
    return value.get("content") if isinstance(value, dict) else value


def _id(tokenizer: Tokenizer, token: Any) -> int | None:
    return tokenizer.token_to_id(token) if isinstance(token, str) else None
