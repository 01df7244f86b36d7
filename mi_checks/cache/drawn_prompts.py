"""Cached prompts: building them takes longer than everything else in a run that measures nothing new."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mi_checks.cache.store import Store
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.prompts.tokenization import Tokenization

# Fields of a `PromptBatch` besides its pairs.
BATCH_FIELDS = ("foil_reduction", "answer_reduction", "score", "by_labels")


def recalled_prompts(
    store: Store, key: str, tokenization: Tokenization, build: Callable[[], PromptBatch]
) -> PromptBatch:
    """Return the prompts stored under a key, or those that `build` makes, which are then stored for the next run."""
    stored_batch = _batch(store.read(key), tokenization)
    if stored_batch is not None:
        return stored_batch
    batch = build()
    store.write(key, _arrays(batch))
    return batch


def _arrays(batch: PromptBatch) -> dict[str, npt.NDArray[np.uint8]]:
    pairs = [
        [_plain(pair.clean), _plain(pair.corrupt), pair.answers, pair.foils, pair.answer_tokens, pair.foil_tokens]
        for pair in batch.pairs
    ]
    data = {"pairs": pairs, **{name: getattr(batch, name) for name in BATCH_FIELDS}}
    return {"prompts": np.frombuffer(json.dumps(data).encode(), dtype=np.uint8)}


def _batch(arrays: Mapping[str, npt.NDArray[Any]], tokenization: Tokenization) -> PromptBatch | None:
    try:
        data = json.loads(arrays["prompts"].tobytes())
        pairs = tuple(
            PromptPair(
                _prompt(clean, tokenization), _prompt(corrupt, tokenization),
                tuple(answers), tuple(foils), tuple(map(tuple, answer_tokens)), tuple(map(tuple, foil_tokens)),
            )
            for clean, corrupt, answers, foils, answer_tokens, foil_tokens in data["pairs"]
        )  # fmt: skip
        return PromptBatch(pairs, **{name: data[name] for name in BATCH_FIELDS})
    except (KeyError, ValueError, TypeError):
        return None


def _plain(prompt: Prompt) -> list[Any]:
    return [prompt.text, prompt.tokens, dict(prompt.labels)]  # the pieces are rebuilt from the tokens


def _prompt(plain: list[Any], tokenization: Tokenization) -> Prompt:
    text, tokens, labels = plain
    pieces = tuple(map(tokenization.piece, tokens))
    return Prompt(text, tuple(tokens), pieces, {label: tuple(places) for label, places in labels.items()})
