"""Quantities read off the clean run: attention, neuron activations, promoted tokens and ranks of tokens."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.nodes import Node
from mi_checks.prompts.batch import PromptBatch
from mi_checks.stats.floor import Floats


@dataclass(frozen=True)
class AttentionBetweenLabels(Quantity):
    """The attention from the last token of one label to all tokens of another in the clean run, `1 prompt`."""

    by_row = True

    head: Node
    destination: str
    source: str

    def names(self) -> tuple[str, ...]:
        """Return the name of the head and of both labels."""
        return (json.dumps(["attention", str(self.head), self.destination, self.source]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the attention, read from the head's pattern, `1 prompt`.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        return attention_between_labels(
            engine.attention_by_position(self.head), engine.batch, self.destination, self.source
        )[None]


@dataclass(frozen=True)
class AttentionPattern(Quantity):
    """A head's attention in the clean run of one bare prompt (without continuation), `destination source`."""

    head: Node
    prompt: int

    def names(self) -> tuple[str, ...]:
        """Return the name of the head and of the prompt."""
        return (json.dumps(["pattern", str(self.head), self.prompt]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the head's attention pattern, `destination source`.

        Raises:
            MiChecksError: the rows of this model's attention do not sum to one.
        """
        length = len(engine.batch.pairs[self.prompt].clean.tokens)
        pattern: Floats = engine.attention_by_position(self.head, self.prompt)[0, :length, :length].double().numpy()
        return pattern


def attention_between_labels(pattern: Tensor, batch: PromptBatch, destination: str, source: str) -> Floats:
    """Return the attention from one label's last token to all tokens of another, in the clean prompts, `prompt`.

    Args:
        pattern: attention by position in the prompt, `prompt destination source`.
        batch: the prompts.
        destination: the label that attends.
        source: the label that is attended to.
    """
    places = zip(batch.positions(destination), batch.positions(source), strict=True)
    return np.array(
        [
            float(pattern[row, destinations[-1], list(sources)].sum())
            for row, (destinations, sources) in enumerate(places)
        ]
    )


@dataclass(frozen=True)
class NeuronActivations(Quantity):
    """A neuron's activation in the clean run of the bare prompts, `prompt pos` by position; 0 after the last token."""

    neuron: Node

    def names(self) -> tuple[str, ...]:
        """Return the name of the neuron."""
        return (json.dumps(["activity", str(self.neuron)]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the activations, `prompt pos`."""
        first, layout = engine.readout.bare_rows, engine.layouts["clean"]
        positions = torch.arange(engine.width, device=engine.device)
        own = engine.activation("clean", self.neuron)[first, :, self.neuron.index].float()
        own = own.take_along_dim((positions + layout.begin[first, None]) % engine.width, 1)
        lengths = torch.tensor([len(pair.clean.tokens) for pair in engine.batch.pairs], device=engine.device)
        own = torch.where(positions < lengths[:, None], own, 0)
        return engine.require_finite(own.T, f"activations of {self.neuron}").T


@dataclass(frozen=True)
class PromotedTokens(Quantity):
    """The tokens a neuron promotes and suppresses by its output weights; empty if the weights are not known.

    The result has the `count` tokens it promotes most and the `count` it suppresses most, the latter last, as rows of
    token id and logits per unit of activation, before the final norm's scale and minus the mean over the vocabulary.
    """

    neuron: Node
    count: int

    def names(self) -> tuple[str, ...]:
        """Return the name of the neuron and the count."""
        return (json.dumps(["promoted", str(self.neuron), self.count]),)

    def compute(self, engine: Engine) -> Floats:
        """Return what the engine reads off the weights, if it knows them."""
        return engine.promoted_tokens(self.neuron, self.count)


@dataclass(frozen=True)
class TokenRanks(Quantity):
    """How many tokens are more probable than each given token after the clean prompts, `prompt token`.

    Attributes:
        tokens: token ids, `prompt token`.
    """

    tokens: tuple[tuple[int, ...], ...]

    def names(self) -> tuple[str, ...]:
        """Return a name with a digest of the tokens."""
        return (json.dumps(["ranks", hashlib.sha256(json.dumps(self.tokens).encode()).hexdigest()]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the number of tokens with a higher logit than each token, `prompt token`."""
        logits = engine.unpatched_logits("clean")[engine.readout.bare_rows]  # prompt d_vocab
        tokens = torch.tensor(self.tokens, device=engine.device)
        ranks = [(logits > logits.gather(1, column[:, None])).sum(1) for column in tokens.T]
        return torch.stack(ranks, 1).double().cpu().numpy()
