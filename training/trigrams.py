"""Trigrams the corpus really holds, in pairs that one bigram model cannot tell apart: `python -m training trigrams`.

A pair shares its second token b. After (a, b) the corpus continues with c, after (a2, b) with c2, each far more often
than after b in general, so that a preference for c over c2 that turns with a cannot come from b alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer


@dataclass(frozen=True)
class Trigram:
    """Token texts with their counts: P(c | a, b) in training and held-out text, and P(c | b) in training text."""

    a: str
    b: str
    c: str
    count: int
    given_both: float
    given_both_held_out: float
    given_last: float


@dataclass(frozen=True)
class Counts:
    """Token counts of one text: n-grams coded as numbers in base `vocabulary`."""

    vocabulary: int
    trigrams: dict[int, int]
    bigrams: dict[int, int]
    unigrams: npt.NDArray[np.int64]

    @classmethod
    def of(cls, tokens: npt.NDArray[np.uint16], vocabulary: int) -> Counts:
        t = tokens.astype(np.int64)
        pairs = t[:-1] * vocabulary + t[1:]
        triples = pairs[:-1] * vocabulary + t[2:]
        return cls(vocabulary, _tally(triples), _tally(pairs), np.bincount(t, minlength=vocabulary))

    def given_both(self, a: int, b: int, c: int) -> float:
        """P(c | a, b), or 0 where a b never occurs."""
        pair = a * self.vocabulary + b
        return self.trigrams.get(pair * self.vocabulary + c, 0) / max(1, self.bigrams.get(pair, 0))

    def given_last(self, b: int, c: int) -> float:
        """P(c | b)."""
        return self.bigrams.get(b * self.vocabulary + c, 0) / max(1, int(self.unigrams[b]))


def mine(
    data: Path, tokenizer: Tokenizer, *, least_count: int = 150, likely: float = 0.6, unlikely: float = 0.1
) -> list[tuple[Trigram, Trigram]]:
    """Pairs of trigrams with the same b, strongest first, every pair with a b of its own.

    Kept are triples of letters whose a starts a word (so that the text can follow any other word), seen at least
    `least_count` times, with P(c | a, b) ≥ `likely` in training and held-out text and P(c | b) ≤ `unlikely`.
    """
    vocabulary = tokenizer.get_vocab_size()
    train, held_out = (
        Counts.of(np.concatenate([np.load(data / f"{kind}-{split}.npy") for kind in ("code", "prose")]), vocabulary)
        for split in ("train", "held_out")
    )
    texts = [tokenizer.decode([i]) for i in range(vocabulary)]
    by_last: dict[str, list[Trigram]] = {}
    for code, count in train.trigrams.items():
        if count < least_count:
            continue
        pair, c = divmod(code, train.vocabulary)
        a, b = divmod(pair, train.vocabulary)
        if not (texts[a][:1] == " " and all(texts[i].strip().isalpha() and texts[i].isascii() for i in (a, b, c))):
            continue
        found = Trigram(
            texts[a], texts[b], texts[c], count,
            train.given_both(a, b, c), held_out.given_both(a, b, c), train.given_last(b, c),
        )  # fmt: skip
        if min(found.given_both, found.given_both_held_out) >= likely and found.given_last <= unlikely:
            by_last.setdefault(found.b, []).append(found)
    pairs = []
    for candidates in by_last.values():
        candidates.sort(key=lambda t: -t.count)
        second = next((t for t in candidates[1:] if t.c != candidates[0].c), None)
        if second is not None:
            pairs.append((candidates[0], second))
    return sorted(pairs, key=lambda pair: -min(pair[0].count, pair[1].count))


def rows(pair: tuple[Trigram, Trigram]) -> list[str]:
    """The pair as two YAML rows, each trigram once as the clean one, with its counts in a comment."""
    lines = []
    for clean, corrupt in (pair, pair[::-1]):
        fields = {"a": clean.a, "b": clean.b, "c": clean.c, "a2": corrupt.a, "c2": corrupt.c}
        written = ", ".join(f"{name}: {json.dumps(text)}" for name, text in fields.items())
        lines.append(
            f"        - {{{written}}}  # {clean.count} times, P(c|a,b) {clean.given_both:.2f} "
            f"(held out {clean.given_both_held_out:.2f}), P(c|b) {clean.given_last:.3f}"
        )
    return lines


def _tally(codes: npt.NDArray[np.int64]) -> dict[int, int]:
    values, counts = np.unique(codes, return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))
