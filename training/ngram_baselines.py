"""Unigram and bigram losses from counts, as baselines that a trained model has to beat.

The counts are of all training text, with code and prose weighted as in training. The deliberately repeated sequences
are left out, since they would only make the baselines worse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.integer]
Counts = npt.NDArray[np.float64]

PRIORS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
BLOCK_TOKENS = 1024  # tokens
TUNING_BLOCK_EVERY = 50  # one in so many blocks of training text is used to choose the prior
BOS_TOKEN = 0


@dataclass(frozen=True)
class BigramModel:
    """A smoothed bigram model: p(b | a) = (n(a, b) + prior · p(b)) / (n(a) + prior), p(b) the add-one unigram."""

    counts: Counts
    prior: float

    @property
    def unigram(self) -> Counts:
        """Return the unigram probabilities, `V`, with add-one smoothing."""
        seen = self.counts.sum(axis=0) + 1.0
        share: Counts = seen / seen.sum()
        return share

    def probabilities(self) -> Counts:
        """Return the bigram probabilities, `V V`, with rows that sum to one."""
        rows = self.counts.sum(axis=1, keepdims=True)
        table: Counts = (self.counts + self.prior * self.unigram) / (rows + self.prior)
        return table

    def losses(self, rows: Tokens) -> tuple[float, float]:
        """Return unigram and bigram loss in nats per token on `rows pos`, given each row's first token."""
        unigram = -np.log(self.unigram)[rows[:, 1:]].mean()
        bigram = -np.log(self.probabilities())[rows[:, :-1], rows[:, 1:]].mean()
        return float(unigram), float(bigram)


def fit_bigram(texts: Sequence[Tokens], shares: Sequence[float], *, window: int, d_vocab: int) -> BigramModel:
    """Count all of `texts`, weighted so that their tokens have the ratio `shares`; a slice of them chooses the prior.

    A training row is token 0 followed by a window of text, so token 0 is followed by an arbitrary token once in
    `window` tokens; the counts include this.
    """
    scales = [share / len(text) * len(texts[0]) / shares[0] for text, share in zip(texts, shares, strict=True)]

    def weighted(keep: slice | None) -> Counts:
        total = np.zeros((d_vocab, d_vocab))
        for text, scale in zip(texts, scales, strict=True):
            total += scale * pair_counts(text, d_vocab, keep)
        total[BOS_TOKEN] += total.sum(axis=0) / window
        return total

    every, tuning = weighted(None), weighted(slice(0, None, TUNING_BLOCK_EVERY))
    fitted = np.maximum(every - tuning, 0.0)

    def loss(prior: float) -> float:
        return float(-(tuning * np.log(BigramModel(fitted, prior).probabilities())).sum())

    return BigramModel(every, min(PRIORS, key=loss))


def pair_counts(text: Tokens, d_vocab: int, blocks: slice | None = None) -> Counts:
    """Return counts of neighbouring tokens, `V V`, in all of the text or within the chosen blocks of it."""
    starts = range(0, len(text) - 1, BLOCK_TOKENS)[blocks or slice(None)]
    pairs = np.zeros(d_vocab * d_vocab, dtype=np.int64)
    for group in range(0, len(starts), 512):  # in groups, to limit the memory
        edges = [np.asarray(text[s : s + BLOCK_TOKENS + 1], dtype=np.int64) for s in starts[group : group + 512]]
        codes = np.concatenate([edge[:-1] * d_vocab + edge[1:] for edge in edges])
        pairs += np.bincount(codes, minlength=d_vocab * d_vocab)
    return pairs.reshape(d_vocab, d_vocab).astype(np.float64)
