"""Rendered, tokenized and aligned prompt pairs: everything the engine needs to know about the text."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from mi_checks.spec.scoring import FIRST_TOKEN
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

    def label_at(self, position: int) -> str:
        """The labels of one token, for showing; "" where there is none."""
        return " ".join(label for label, positions in self.labels.items() if position in positions)


@dataclass(frozen=True)
class PromptPair:
    """Clean and corrupt prompt, with the same labels. Unless the batch is aligned by labels they are equally long, and
    each label stands at the same positions in both.

    Attributes:
        clean: the clean prompt, with what answers and foils share if the first difference is scored.
        corrupt: the corrupt prompt, likewise.
        answers: what the clean prompt is continued with.
        foils: what it must be preferred to.
        answer_tokens: of each answer the tokens that are scored: one, or all of them for its log-probability.
        foil_tokens: likewise.
    """

    clean: Prompt
    corrupt: Prompt
    answers: tuple[str, ...]
    foils: tuple[str, ...]
    answer_tokens: tuple[tuple[int, ...], ...]
    foil_tokens: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class PromptBatch:
    """The prompt pairs of one behaviour under one tokenizer.

    Attributes:
        pairs: the pairs.
        foil_reduction: what several foils count as, `mean` or `max`.
        answer_reduction: what several answers count as.
        score: how continuations are scored, see `mi_checks.spec.scoring`.
        by_labels: whether clean and corrupt correspond at their labels alone.
    """

    pairs: tuple[PromptPair, ...]
    foil_reduction: str = "mean"
    answer_reduction: str = "mean"
    score: str = FIRST_TOKEN
    by_labels: bool = False

    def __len__(self) -> int:
        return len(self.pairs)

    @cached_property
    def sha256(self) -> str:
        """Of the prompts as they are measured: token ids (so tokenizers differ), labels, what is scored and how."""
        pairs = [
            (
                *((prompt.tokens, dict(prompt.labels)) for prompt in (pair.clean, pair.corrupt)),
                *(pair.answers, pair.foils, pair.answer_tokens, pair.foil_tokens),
            )
            for pair in self.pairs
        ]
        how = (self.score, self.answer_reduction, self.foil_reduction, self.by_labels)
        return hashlib.sha256(json.dumps([how, pairs], sort_keys=True).encode()).hexdigest()

    def positions(self, label: str) -> tuple[tuple[int, ...], ...]:
        """For each pair, the positions of a label's tokens in the clean prompt."""
        return tuple(pair.clean.labels[label] for pair in self.pairs)
