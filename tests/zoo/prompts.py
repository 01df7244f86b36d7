"""Random prompt pairs, longer than any window of the zoo's models."""

from __future__ import annotations

import numpy as np

from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair

N_TOKENS = 300  # those of every tokenizer of the zoo


def prompts(*, count: int = 5, seed: int = 0, ragged: bool = True, by_labels: bool = False) -> PromptBatch:
    """Draw pairs of 10 to 14 tokens that differ early (the label `X`) and three tokens before the end (`Y`)."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        length = int(rng.integers(10, 15)) if ragged else 12
        early, late = int(rng.integers(1, 5)), length - 4
        clean = rng.integers(3, N_TOKENS, length).tolist()
        corrupt = list(clean)
        for place in (early, late):
            corrupt[place] = 3 + (clean[place] - 3 + int(rng.integers(1, N_TOKENS - 3))) % (N_TOKENS - 3)
        labels = {"X": (early,), "Y": (late, late + 1), "END": (length - 1,)}
        both = [Prompt("", tuple(tokens), ("",) * length, labels) for tokens in (clean, corrupt)]
        answer, *foils = [(token,) for token in rng.choice(np.arange(3, N_TOKENS), 3, replace=False).tolist()]
        pairs.append(PromptPair(*both, ("",), ("", ""), (answer,), tuple(foils)))
    return PromptBatch(tuple(pairs), "mean", by_labels=by_labels)
