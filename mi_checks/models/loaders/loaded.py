"""The result of a loader, and functions that loaders share."""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import nn
from transformer_lens.model_bridge import TransformerBridge

MAX_ERROR_CHARS = 300  # characters of a library's error message


@dataclass(frozen=True)
class Placement:
    """The device and dtype of the weights."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class Loaded:
    """A bridge with its tokenizer.

    Attributes:
        bridge: TransformerLens' model.
        tokenizer: the tokenizer as its file defines it.
        bos: the token that begins every prompt, or None.
        weights_sha256: hash of the files of weights.
        tokenizer_sha256: hash of the tokenizer's file.
        revision: the revision that was loaded, or "" if there are none.
        unwrapped: the model that the bridge wraps, without TransformerLens' hooks, sharing the bridge's weights.
    """

    bridge: TransformerBridge
    tokenizer: Tokenizer
    bos: int | None
    weights_sha256: str
    tokenizer_sha256: str
    revision: str = ""
    unwrapped: nn.Module | None = None

    @property
    def rows(self) -> int:
        """Return the number of tokens that the model embeds, according to its weights."""
        return int(self.bridge.embed.weight.shape[0])


def sha256(files: Sequence[Path]) -> str:
    """Return the hash of one file, or of the lines that `sha256sum` prints for several files, ordered by name."""
    digests = {}
    for path in sorted(files):
        with path.open("rb") as file:
            digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()).hexdigest()


def told(error: BaseException, lines: int = 2) -> str:
    """Return the first lines of a library's error as one line, shortened if it is long.

    For an error without a message, return its type and the function that raised it.
    """
    text = " ".join(line.strip() for line in str(error).strip().splitlines()[:lines])
    if not text:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" in {frames[-1].name} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        return f"{type(error).__name__}{where}"
    return text if len(text) <= MAX_ERROR_CHARS else text[:MAX_ERROR_CHARS].rstrip() + "…"
