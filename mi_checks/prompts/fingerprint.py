"""Which prompts these are: models are compared on equal prompts only."""

from __future__ import annotations

import hashlib
import json

from mi_checks.prompts.batch import PromptBatch


def fingerprint(batch: PromptBatch) -> str:
    """sha256 of what is run and scored: token ids (so tokenizers differ), continuations, how they count."""
    pairs = [
        (pair.clean.tokens, pair.corrupt.tokens, pair.answers, pair.foils, pair.answer_tokens, pair.foil_tokens)
        for pair in batch.pairs
    ]
    how = (batch.score, batch.answer_reduction, batch.foil_reduction)
    return hashlib.sha256(json.dumps([how, pairs]).encode()).hexdigest()
