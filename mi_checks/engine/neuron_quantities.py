"""Neuron quantities: activations on the prompts, and the tokens that the output weights promote."""

from __future__ import annotations

import json
from dataclasses import dataclass

import torch

from mi_checks.engine.base_run import Floats
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.nodes import Node


@dataclass(frozen=True)
class Activity(Quantity):
    """A neuron's activation in the clean run of the bare prompts, `prompt pos` by position; 0 after the last token."""

    neuron: Node

    def names(self) -> tuple[str, ...]:
        """Return the name of the neuron."""
        return (json.dumps(["activity", str(self.neuron)]),)

    def of(self, engine: Engine) -> Floats:
        """Return the activations, `prompt pos`."""
        first, layout = engine.readout.first, engine.layouts["clean"]
        positions = torch.arange(engine.width, device=engine.device)
        own = engine.activation("clean", self.neuron)[first, :, self.neuron.index].float()
        own = own.take_along_dim((positions + layout.begin[first, None]) % engine.width, 1)
        lengths = torch.tensor([len(pair.clean.tokens) for pair in engine.batch.pairs], device=engine.device)
        own = torch.where(positions < lengths[:, None], own, 0)
        return engine.finite(own.T, f"in {self.neuron}").T


@dataclass(frozen=True)
class Promoted(Quantity):
    """The tokens a neuron promotes and suppresses by its output weights; empty if the weights are not known.

    The result has the `count` tokens it promotes most and the `count` it suppresses most, the latter last, as rows of
    token id and logits per unit of activation, before the final norm's scale and minus the mean over the vocabulary.
    """

    neuron: Node
    count: int

    def names(self) -> tuple[str, ...]:
        """Return the name of the neuron and the count."""
        return (json.dumps(["promoted", str(self.neuron), self.count]),)

    def of(self, engine: Engine) -> Floats:
        """Return what the engine reads off the weights, if it knows them."""
        return engine.promoted(self.neuron, self.count)
