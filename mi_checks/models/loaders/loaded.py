"""What every loader gives, and what they share."""

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

TOLD = 300  # characters of a library's error


@dataclass(frozen=True)
class Placement:
    """Where the weights go, and as what."""

    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True)
class Loaded:
    """A bridge with its tokenizer.

    Attributes:
        bridge: TransformerLens' model.
        tokenizer: as its file has it.
        bos: the token that begins every prompt, or None where there is none.
        weights_sha256: of the files of weights.
        tokenizer_sha256: of the tokenizer's file.
        revision: of what was loaded, or "" where there are none.
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
        """How many tokens the model embeds, by its weights."""
        return int(self.bridge.embed.weight.shape[0])


def sha256(files: Sequence[Path]) -> str:
    """Of one file's bytes; of several, of the lines that `sha256sum` writes about them in the order of their names."""
    digests = {}
    for path in sorted(files):
        with path.open("rb") as file:
            digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()).hexdigest()


def told(error: BaseException, lines: int = 2) -> str:
    """Return the first lines of a library's error as one, cut short where they list everything the library knows.

    An error without words is told by its kind and by the function that raised it.
    """
    text = " ".join(line.strip() for line in str(error).strip().splitlines()[:lines])
    if not text:
        frames = traceback.extract_tb(error.__traceback__)
        where = f" in {frames[-1].name} ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
        return f"{type(error).__name__}{where}"
    return text if len(text) <= TOLD else text[:TOLD].rstrip() + "…"
