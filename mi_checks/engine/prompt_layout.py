"""The layout of prompts as model input: rows of tokens, padded to one width, and the columns of their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from mi_checks.prompts.batch import END, Prompt, PromptBatch
from mi_checks.spec.scoring import LOG_PROBABILITY

Padding = Literal["left", "right"]


@dataclass(frozen=True)
class PromptRow:
    """A prompt pair as it is run, followed by some tokens of a continuation.

    Logits are scored in one run of the bare pair. A log-probability is teacher-forced: each token of each continuation
    is read at the END of its own row, which contains the tokens before it.

    Attributes:
        pair: index of the pair in the batch.
        continuation: index of the continuation among the answers and then the foils.
        forced: the continuation's tokens that the row contains.
    """

    pair: int
    continuation: int = 0
    forced: tuple[int, ...] = ()

    def tokens(self, prompt: Prompt) -> tuple[int, ...]:
        """Return the row's tokens for one side's prompt."""
        return prompt.tokens + self.forced

    def labels(self, prompt: Prompt) -> dict[str, tuple[int, ...]]:
        """Return the row's labels for one side's prompt; END covers all positions at which the continuation is read."""
        last = prompt.labels[END][-1]
        return {**prompt.labels, END: tuple(range(last, last + len(self.forced) + 1))}


def prompt_rows(batch: PromptBatch) -> tuple[PromptRow, ...]:
    """Return the rows of a batch; the rows of a pair are adjacent, the bare pair first."""
    if batch.score != LOG_PROBABILITY:
        return tuple(PromptRow(pair) for pair in range(len(batch)))
    return tuple(
        PromptRow(index, continuation, tokens[:step])
        for index, pair in enumerate(batch.pairs)
        for continuation, tokens in enumerate((*pair.answer_tokens, *pair.foil_tokens))
        for step in range(len(tokens))
    )


class PromptLayout:
    """The columns at which the tokens of one side stand.

    Attributes:
        tokens: token ids, `row pos`.
        labels: for each row, label → positions counted from the first token.
        width: number of columns.
        offsets: number of columns of padding before each row.
        begin: the column of the first token, `row`.
        end: the column of the last token, `row`.
        positions: the position of each column's token in its row, `row pos`; negative for padding on the left.
    """

    def __init__(
        self,
        rows: Sequence[tuple[int, ...]],
        labels: Sequence[Mapping[str, tuple[int, ...]]],
        *,
        width: int,
        padding: Padding,
        device: torch.device,
    ) -> None:
        self.labels = tuple(labels)
        self.width = width
        self.offsets = [width - len(row) if padding == "left" else 0 for row in rows]
        self.begin = torch.tensor(self.offsets, device=device)
        self.end = self.begin + torch.tensor([len(row) for row in rows], device=device) - 1
        self.positions = torch.arange(width, device=device) - self.begin[:, None]
        padded = [
            [0] * offset + list(row) + [0] * (width - offset - len(row))
            for row, offset in zip(rows, self.offsets, strict=True)
        ]
        self.tokens = torch.tensor(padded, device=device)

    @cached_property
    def is_token(self) -> Tensor:
        """Return where there is a token and not padding, `row pos`."""
        return (self.positions >= 0) & (torch.arange(self.width, device=self.end.device) <= self.end[:, None])

    def columns(self, label: str) -> list[list[int]]:
        """Return the columns of a label's tokens in each row."""
        places = zip(self.offsets, self.labels, strict=True)
        return [[offset + position for position in labels[label]] for offset, labels in places]

    def mask(self, at: str | int | None) -> Tensor:
        """Return a mask of a label, a position (counted from the first token) or, for None, everything, `row pos`."""
        if at is None:
            return torch.ones_like(self.is_token)
        if isinstance(at, int):
            return self.is_token & (self.positions == at)
        mask = torch.zeros_like(self.is_token)
        for row, columns in enumerate(self.columns(at)):
            mask[row, columns] = True
        return mask
