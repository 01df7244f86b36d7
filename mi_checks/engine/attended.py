"""A head's attention pattern → how much it looks from one label to another."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from mi_checks.engine.base_run import Floats
from mi_checks.prompts.batch import PromptBatch


def attended(pattern: Tensor, batch: PromptBatch, destination: str, source: str) -> Floats:
    """Probability from the last token of one label to all tokens of another, of the clean prompts, `prompt`.

    Args:
        pattern: attention by position in the prompt, `prompt destination source`.
        batch: the prompts.
        destination: the label that is looked from.
        source: the label that is looked to.
    """
    places = zip(batch.positions(destination), batch.positions(source), strict=True)
    return np.array([float(pattern[row, to[-1], list(since)].sum()) for row, (to, since) in enumerate(places)])
