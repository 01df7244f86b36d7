"""Attention of heads in the clean run."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from mi_checks.engine.base_run import Floats
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import PromptBatch


@dataclass(frozen=True)
class Attended(Quantity):
    """The attention from the last token of one label to all tokens of another in the clean run, `1 prompt`."""

    by_row = True

    head: Node
    destination: str
    source: str

    def names(self) -> tuple[str, ...]:
        """Return the name of the head and of both labels."""
        return (json.dumps(["attention", str(self.head), self.destination, self.source]),)

    def of(self, engine: Engine) -> Floats:
        """Return the attention, read from the head's pattern, `1 prompt`.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        return attended(engine.attention(self.head), engine.batch, self.destination, self.source)[None]


@dataclass(frozen=True)
class AttentionPattern(Quantity):
    """A head's attention in the clean run of one bare prompt (without continuation), `destination source`."""

    head: Node
    prompt: int

    def names(self) -> tuple[str, ...]:
        """Return the name of the head and of the prompt."""
        return (json.dumps(["pattern", str(self.head), self.prompt]),)

    def of(self, engine: Engine) -> Floats:
        """Return the head's attention pattern, `destination source`.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        length = len(engine.batch.pairs[self.prompt].clean.tokens)
        pattern: Floats = engine.attention(self.head)[self.prompt, :length, :length].double().numpy()
        return pattern


def attended(pattern: Tensor, batch: PromptBatch, destination: str, source: str) -> Floats:
    """Return the attention from one label's last token to all tokens of another, in the clean prompts, `prompt`.

    Args:
        pattern: attention by position in the prompt, `prompt destination source`.
        batch: the prompts.
        destination: the label that attends.
        source: the label that is attended to.
    """
    places = zip(batch.positions(destination), batch.positions(source), strict=True)
    return np.array([float(pattern[row, to[-1], list(since)].sum()) for row, (to, since) in enumerate(places)])
