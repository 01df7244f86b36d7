"""Training sequences: code, prose and a disclosed fraction of repeats. Step n's batch depends only on (seed, n)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class BatchMix:
    """The fractions of each kind of sequence in a batch; the rest is prose."""

    code: float = 0.50
    repeated_random: float = 0.10
    repeated_text: float = 0.10
    shortest_repeat: int = 4
    longest_repeat: int = 48


class TokenArrays:
    """The token arrays that `prepare` wrote, memory-mapped."""

    def __init__(self, data: Path, split: str = "train") -> None:
        self.code = np.load(data / f"code-{split}.npy", mmap_mode="r")
        self.prose = np.load(data / f"prose-{split}.npy", mmap_mode="r")


def training_batch(
    corpus: TokenArrays, mix: BatchMix, *, seed: int, step: int, size: int, n_ctx: int, d_vocab: int
) -> Ids:
    """Return one batch of token ids, `size n_ctx`; every row starts with token 0."""
    rng = np.random.default_rng((seed, step))
    rows = np.empty((size, n_ctx), dtype=np.int64)
    rows[:, 0] = 0
    kinds = rng.random(size)
    for row, kind in zip(rows, kinds, strict=True):
        body = n_ctx - 1
        if kind < mix.repeated_random + mix.repeated_text:
            length = int(rng.integers(mix.shortest_repeat, mix.longest_repeat + 1))
            if kind < mix.repeated_random:
                segment = rng.integers(1, d_vocab, length)
            else:
                segment = _window(corpus.code if rng.random() < 0.5 else corpus.prose, length, rng)
            lead = int(rng.integers(0, max(1, body - 2 * length)))  # so that copies occur at every position
            row[1 : 1 + lead] = _window(corpus.code, lead, rng)
            row[1 + lead :] = np.resize(segment, body - lead)
        elif kind < mix.repeated_random + mix.repeated_text + mix.code:
            row[1:] = _window(corpus.code, body, rng)
        else:
            row[1:] = _window(corpus.prose, body, rng)
    return rows


def _window(tokens: npt.NDArray[np.uint16], length: int, rng: np.random.Generator) -> Ids:
    start = int(rng.integers(0, len(tokens) - length))
    return tokens[start : start + length].astype(np.int64)


def random_repeats(*, seed: int, size: int, length: int, d_vocab: int) -> Ids:
    """Return token 0, then `length` random tokens twice, `size 1+2·length`, with seeds unlike those of training."""
    rng = np.random.default_rng((seed, 2**31))
    segment = rng.integers(1, d_vocab, (size, length))
    return np.concatenate([np.zeros((size, 1), dtype=np.int64), segment, segment], axis=1)
