"""Prompts that an earlier run has drawn: making them takes longer than all the rest of a run that measures nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mi_checks.cache.store import Store
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.prompts.tokenization import Tokenization

PLAIN = ("foil_reduction", "answer_reduction", "score", "by_labels")  # of a batch, beside its pairs


def recalled_prompts(
    store: Store, key: str, tokenization: Tokenization, build: Callable[[], PromptBatch]
) -> PromptBatch:
    """The prompts that the store has under a key; otherwise those that `build` makes, kept for the next run."""
    kept = _batch(store.read(key), tokenization)
    if kept is not None:
        return kept
    batch = build()
    store.write(key, _arrays(batch))
    return batch


def _arrays(batch: PromptBatch) -> dict[str, npt.NDArray[np.uint8]]:
    pairs = [
        [_plain(pair.clean), _plain(pair.corrupt), pair.answers, pair.foils, pair.answer_tokens, pair.foil_tokens]
        for pair in batch.pairs
    ]
    data = {"pairs": pairs, **{name: getattr(batch, name) for name in PLAIN}}
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
        return PromptBatch(pairs, **{name: data[name] for name in PLAIN})
    except (KeyError, ValueError, TypeError):
        return None


def _plain(prompt: Prompt) -> list[Any]:
    return [prompt.text, prompt.tokens, dict(prompt.labels)]  # the pieces follow from the tokens


def _prompt(plain: list[Any], tokenization: Tokenization) -> Prompt:
    text, tokens, labels = plain
    pieces = tuple(map(tokenization.piece, tokens))
    return Prompt(text, tuple(tokens), pieces, {label: tuple(places) for label, places in labels.items()})
