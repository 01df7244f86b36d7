"""Rendered, tokenized and aligned prompt pairs, which are everything the engine needs to know about the text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mi_checks.prompts.factors import Factor
from mi_checks.spec.scoring import FIRST_TOKEN
from mi_checks.spec.template import END as END  # the last token, at which the answer is read; both stages use one label


@dataclass(frozen=True)
class Prompt:
    """A rendered prompt.

    Attributes:
        text: the text that was tokenized, without the beginning-of-sequence token.
        tokens: the token ids, including the beginning-of-sequence token, `pos`.
        pieces: the text of each token, for display, `pos`.
        labels: the positions of each label's tokens, ascending; `END` is always present.
    """

    text: str
    tokens: tuple[int, ...]
    pieces: tuple[str, ...]
    labels: Mapping[str, tuple[int, ...]]

    def label_at(self, position: int) -> str:
        """Return the labels of a token, for display, separated by spaces; "" if it has none."""
        return " ".join(label for label, positions in self.labels.items() if position in positions)


@dataclass(frozen=True)
class PromptPair:
    """A clean and a corrupt prompt with the same labels.

    Unless the batch is aligned by labels, both have the same length, and each label is at the same positions in both.

    Attributes:
        clean: the clean prompt, followed by what answers and foils share if the first difference is scored.
        corrupt: the corrupt prompt, with the same addition.
        answers: the texts that continue the clean prompt.
        foils: the texts to which the answers must be preferred.
        answer_tokens: the scored tokens of each answer: one, or all of them for its log-probability.
        foil_tokens: the scored tokens of each foil, in the same way.
    """

    clean: Prompt
    corrupt: Prompt
    answers: tuple[str, ...]
    foils: tuple[str, ...]
    answer_tokens: tuple[tuple[int, ...], ...]
    foil_tokens: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PromptBatch:
    """The prompt pairs of a behaviour under one tokenizer.

    Attributes:
        pairs: the pairs.
        foil_reduction: how the scores of several foils are reduced, `mean` or `max`.
        answer_reduction: how the scores of several answers are reduced, `mean` or `max`.
        score: how continuations are scored, see `mi_checks.spec.scoring`.
        by_labels: whether clean and corrupt prompts correspond only at their labels.
        factors: the finite sources of the prompts' values, with the row that each pair took.
    """

    pairs: tuple[PromptPair, ...]
    foil_reduction: str = "mean"
    answer_reduction: str = "mean"
    score: str = FIRST_TOKEN
    by_labels: bool = False
    factors: tuple[Factor, ...] = ()

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def sha256(self) -> str:
        """Return the SHA-256 digest of the prompts as they are measured.

        It covers the token ids (so that it differs between tokenizers), the labels, and the score.
        """
        pairs = [
            (
                *((prompt.tokens, dict(prompt.labels)) for prompt in (pair.clean, pair.corrupt)),
                *(pair.answers, pair.foils, pair.answer_tokens, pair.foil_tokens),
            )
            for pair in self.pairs
        ]
        how = (self.score, self.answer_reduction, self.foil_reduction, self.by_labels)
        return hashlib.sha256(json.dumps([how, pairs], sort_keys=True).encode()).hexdigest()

    def select(self, prompts: slice) -> PromptBatch:
        """Return the batch of some of the pairs."""
        return self.at(range(len(self.pairs))[prompts])

    def at(self, places: Sequence[int]) -> PromptBatch:
        """Return the batch of the pairs at these places."""
        factors = tuple(each.at(places) for each in self.factors)
        return replace(self, pairs=tuple(self.pairs[place] for place in places), factors=factors)

    def positions(self, label: str) -> tuple[tuple[int, ...], ...]:
        """Return the positions of a label's tokens in the clean prompt of each pair."""
        return tuple(pair.clean.labels[label] for pair in self.pairs)
