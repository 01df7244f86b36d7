"""What goes through the model: rows of tokens on either side, padded to one width, with their labels."""

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
class Row:
    """A prompt pair as it is run, with tokens of a continuation written to it.

    Logits are scored in one run of the bare pair. A log-probability is teacher-forced: each token of each continuation
    is read at the END of a row of its own, which holds those before it.

    Attributes:
        pair: its index in the batch.
        continuation: index among the answers and then the foils.
        forced: the continuation's tokens that are written.
    """

    pair: int
    continuation: int = 0
    forced: tuple[int, ...] = ()

    def tokens(self, prompt: Prompt) -> tuple[int, ...]:
        """One side's tokens."""
        return prompt.tokens + self.forced

    def labels(self, prompt: Prompt) -> dict[str, tuple[int, ...]]:
        """One side's labels; END is every position at which the continuation is read so far."""
        last = prompt.labels[END][-1]
        return {**prompt.labels, END: tuple(range(last, last + len(self.forced) + 1))}


def rows_of(batch: PromptBatch) -> tuple[Row, ...]:
    """The rows of a batch; a pair's stand together, the bare pair first."""
    if batch.score != LOG_PROBABILITY:
        return tuple(Row(pair) for pair in range(len(batch)))
    return tuple(
        Row(index, continuation, tokens[:step])
        for index, pair in enumerate(batch.pairs)
        for continuation, tokens in enumerate((*pair.answer_tokens, *pair.foil_tokens))
        for step in range(len(tokens))
    )


class Layout:
    """Where the tokens of one side stand.

    Attributes:
        tokens: `row pos`.
        labels: of each row, label → positions counted from the first token.
        width: columns.
        offsets: columns of padding before each row.
        begin: the column of the first token, `row`.
        end: the column of the last token, `row`.
        positions: of each column's token in its row, `row pos`; negative for padding on the left.
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
    def real(self) -> Tensor:
        """True where there is a token and not padding, `row pos`."""
        return (self.positions >= 0) & (torch.arange(self.width, device=self.end.device) <= self.end[:, None])

    def columns(self, label: str) -> list[list[int]]:
        """The columns of a label's tokens in each row."""
        places = zip(self.offsets, self.labels, strict=True)
        return [[offset + position for position in labels[label]] for offset, labels in places]

    def mask(self, at: str | int | None) -> Tensor:
        """True at a label, at a position, or everywhere, `row pos`."""
        if at is None:
            return torch.ones_like(self.real)
        if isinstance(at, int):
            return self.real & (self.positions == at)
        mask = torch.zeros_like(self.real)
        for row, columns in enumerate(self.columns(at)):
            mask[row, columns] = True
        return mask
