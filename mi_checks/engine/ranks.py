"""Ranks of tokens by their probability after the clean prompts."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import torch

from mi_checks.engine.base_run import Floats
from mi_checks.engine.engine import Engine, Quantity


@dataclass(frozen=True)
class Ranks(Quantity):
    """How many tokens are more probable than each given token after the clean prompts, `prompt token`.

    Attributes:
        tokens: token ids, `prompt token`.
    """

    tokens: tuple[tuple[int, ...], ...]

    def names(self) -> tuple[str, ...]:
        """Return a name with a digest of the tokens."""
        return (json.dumps(["ranks", hashlib.sha256(json.dumps(self.tokens).encode()).hexdigest()]),)

    def of(self, engine: Engine) -> Floats:
        """Return the number of tokens with a higher logit than each token, `prompt token`."""
        logits = engine.base_logits("clean")[engine.readout.first]  # prompt d_vocab
        tokens = torch.tensor(self.tokens, device=engine.device)
        ranks = [(logits > logits.gather(1, column[:, None])).sum(1) for column in tokens.T]
        return torch.stack(ranks, 1).double().cpu().numpy()
