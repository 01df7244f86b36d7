"""`vocab.json` with `merges.txt`, and `vocab.txt`, read with transformers' tokenizers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from mi_checks.models.loaders.loaded import told
from mi_checks.models.loaders.quiet import quiet
from mi_checks.models.sources.source import Unloadable


def read_byte_pairs(folder: Path) -> Tokenizer:
    """Return the tokenizer of `vocab.json` and `merges.txt`.

    It is the one that `tokenizer_config.json` names or that transformers has for the architecture. If there is none,
    and the vocabulary is spelled in bytes, it is GPT-2's.

    Raises:
        Unloadable: the files are broken, or no known tokenizer reads them.
    """
    from transformers import AutoTokenizer, GPT2Tokenizer

    path = folder / "vocab.json"
    try:
        vocabulary = json.loads(path.read_text(encoding="utf-8"))
        words = {str(word): int(token) for word, token in vocabulary.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise Unloadable(f"{path} is no vocabulary: {told(error)}") from error
    if not words:
        raise Unloadable(f"{path} is no vocabulary: it is empty")
    kinds = [AutoTokenizer] + ([GPT2Tokenizer] if "Ġ" in words else [])
    reasons: list[Exception] = []
    for kind in kinds:
        try:
            tokenizer = _read(kind, folder)
        except Exception as error:  # transformers and the Rust library may raise anything
            reasons.append(error)
            continue
        if all(tokenizer.token_to_id(word) == token for word, token in words.items()):
            return tokenizer
        reasons.append(ValueError("transformers gives its tokens other ids"))
    raise Unloadable(f"{path} with merges.txt is no tokenizer: {told(reasons[-1])}") from reasons[-1]


def read_word_pieces(folder: Path) -> Tokenizer:
    """Return the tokenizer of `vocab.txt`, which is BERT's.

    Raises:
        Unloadable: the file is broken.
    """
    from transformers import BertTokenizer

    path = folder / "vocab.txt"
    try:
        words = path.read_text(encoding="utf-8").splitlines()
        tokenizer = _read(BertTokenizer, folder)
    except Exception as error:  # transformers and the Rust library may raise anything
        raise Unloadable(f"{path} is no vocabulary: {told(error)}") from error
    if not words or any(tokenizer.token_to_id(word) != token for token, word in enumerate(words)):
        raise Unloadable(f"{path} is no vocabulary: a word for each line, each once")
    return tokenizer


def _read(kind: Any, folder: Path) -> Tokenizer:
    with quiet():
        loaded = kind.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    tokenizer: Tokenizer = loaded.backend_tokenizer
    return tokenizer
