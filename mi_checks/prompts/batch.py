"""Rendered, tokenized and aligned prompt pairs: everything the engine needs to know about the text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mi_checks.spec.template import END as END  # the last token, where the answer is read: one label for both stages


@dataclass(frozen=True)
class Prompt:
    """One rendered prompt.

    Attributes:
        text: what was tokenized, without the beginning-of-sequence token.
        tokens: token ids, the beginning-of-sequence token included.
        pieces: the text of each token, for showing.
        labels: label → the positions of its tokens, ascending; `END` is always there.
    """

    text: str
    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    labels: Mapping[str, tuple[int, ...]]


@dataclass(frozen=True)
class PromptPair:
    """Clean and corrupt prompt, token-aligned: equally long, each label at the same positions in both."""

    clean: Prompt
    corrupt: Prompt
    answer: str
    foils: tuple[str, ...]
    answer_token: int
    foil_tokens: tuple[int, ...]


@dataclass(frozen=True)
class PromptBatch:
    """The prompt pairs of one behaviour under one tokenizer."""

    pairs: tuple[PromptPair, ...]
    foil_reduction: str  # "mean" or "max"

    def __len__(self) -> int:
        return len(self.pairs)

    def positions(self, label: str) -> tuple[tuple[int, ...], ...]:
        """For each pair, the positions of a label's tokens."""
        return tuple(pair.clean.labels[label] for pair in self.pairs)
