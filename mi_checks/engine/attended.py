"""Where a head looks in the clean run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mi_checks.engine.base_run import Floats
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import PromptBatch


@dataclass(frozen=True)
class Attended(Quantity):
    """Attention from the last token of one label to all tokens of another in the clean run, `1 prompt`."""

    by_row = True

    head: Node
    destination: str
    source: str

    def names(self) -> tuple[str, ...]:
        """Return the head and both labels."""
        return (json.dumps(["attention", str(self.head), self.destination, self.source]),)

    def only(self, rows: Sequence[int]) -> Attended:  # noqa: ARG002  # there is one
        """Return it: it has one row."""
        return self

    def of(self, engine: Engine) -> Floats:
        """Read the pattern.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        return attended(engine.attention(self.head), engine.batch, self.destination, self.source)[None]


@dataclass(frozen=True)
class AttentionPattern(Quantity):
    """A head's attention in the clean run of one bare prompt, `destination source`."""

    head: Node
    prompt: int

    def names(self) -> tuple[str, ...]:
        """Return the head and the prompt."""
        return (json.dumps(["pattern", str(self.head), self.prompt]),)

    def of(self, engine: Engine) -> Floats:
        """Read the pattern.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        length = len(engine.batch.pairs[self.prompt].clean.tokens)
        pattern: Floats = engine.attention(self.head)[self.prompt, :length, :length].double().numpy()
        return pattern


def attended(pattern: Tensor, batch: PromptBatch, destination: str, source: str) -> Floats:
    """Return the probability from the last token of one label to all tokens of another, of the clean prompts, `prompt`.

    Args:
        pattern: attention by position in the prompt, `prompt destination source`.
        batch: the prompts.
        destination: the label that is looked from.
        source: the label that is looked to.
    """
    places = zip(batch.positions(destination), batch.positions(source), strict=True)
    return np.array([float(pattern[row, to[-1], list(since)].sum()) for row, (to, since) in enumerate(places)])
