"""Cached prompts and guards: a run that measures nothing new would spend most of its time on building them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mi_checks.cache.cache_keys import guards_key
from mi_checks.cache.cache_store import CacheStore
from mi_checks.engine.guards.guard_model import guard_model
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import Guard, Guards, LoadedModel
from mi_checks.prompts.batch import Prompt, PromptBatch, PromptPair
from mi_checks.prompts.factors import Factor
from mi_checks.prompts.tokenization import Tokenization

BATCH_FIELDS = (
    "foil_reduction",
    "answer_reduction",
    "score",
    "by_labels",
)  # of a `PromptBatch`, besides these
PROMPTS_ARRAY = "prompts"  # the array of the stored entry that holds the prompts, as UTF-8 of their JSON
GUARDS_ARRAY = "guards"  # the array of the stored entry that holds the guards, as UTF-8 of their JSON


def cached_prompts(
    store: CacheStore, key: str, tokenization: Tokenization, build: Callable[[], PromptBatch]
) -> PromptBatch:
    """Return the prompts stored under a key, or those that `build` makes, which are then stored for the next run."""
    stored_batch = _batch(store.read(key), tokenization)
    if stored_batch is not None:
        return stored_batch
    batch = build()
    store.write(key, _prompt_arrays(batch))
    return batch


def with_guards(loaded_model: LoadedModel, store: CacheStore | None) -> LoadedModel:
    """Return the model with its guards, which are run now unless the cache has their results.

    Args:
        loaded_model: the model.
        store: the cache; None runs the guards without it.

    Raises:
        MiChecksError: a guard refuses every measurement on this model.
    """
    key = guards_key(loaded_model)
    guards = None if store is None else _stored_guards(store, key)
    if guards is None:
        guards = guard_model(loaded_model)
        if store is not None:
            store.write(key, {GUARDS_ARRAY: _encoded(asdict(guards))})
    reason = guards.refusal("everything")
    if reason is not None:
        raise MiChecksError(f"{loaded_model.name} cannot be measured: {reason}")
    return replace(loaded_model, guards=guards)


def _stored_guards(store: CacheStore, key: str) -> Guards | None:
    arrays = store.read(key)
    if GUARDS_ARRAY not in arrays:
        return None
    try:
        data = json.loads(arrays[GUARDS_ARRAY].tobytes())
        results = tuple(Guard(**{**result, "refuses": tuple(result["refuses"])}) for result in data["results"])
        return Guards(results, data["about"])
    except (ValueError, KeyError, TypeError):
        return None


def _prompt_arrays(batch: PromptBatch) -> dict[str, npt.NDArray[np.uint8]]:
    pairs = [
        [_plain(pair.clean), _plain(pair.corrupt), pair.answers, pair.foils, pair.answer_tokens, pair.foil_tokens]
        for pair in batch.pairs
    ]
    factors = [asdict(each) for each in batch.factors]
    fields = {name: getattr(batch, name) for name in BATCH_FIELDS}
    return {PROMPTS_ARRAY: _encoded({"pairs": pairs, "factors": factors, **fields})}


def _batch(arrays: Mapping[str, npt.NDArray[Any]], tokenization: Tokenization) -> PromptBatch | None:
    try:
        data = json.loads(arrays[PROMPTS_ARRAY].tobytes())
        pairs = tuple(
            PromptPair(
                _prompt(clean, tokenization), _prompt(corrupt, tokenization),
                tuple(answers), tuple(foils), tuple(map(tuple, answer_tokens)), tuple(map(tuple, foil_tokens)),
            )
            for clean, corrupt, answers, foils, answer_tokens, foil_tokens in data["pairs"]
        )  # fmt: skip
        factors = tuple(
            Factor(each["name"], tuple(each["rows"]), each["sampled"], tuple(each["labels"]))
            for each in data["factors"]
        )
        return PromptBatch(pairs, **{name: data[name] for name in BATCH_FIELDS}, factors=factors)
    except (KeyError, ValueError, TypeError):
        return None


def _plain(prompt: Prompt) -> list[Any]:
    return [prompt.text, prompt.tokens, dict(prompt.labels)]  # the pieces are rebuilt from the tokens


def _prompt(plain: list[Any], tokenization: Tokenization) -> Prompt:
    text, tokens, labels = plain
    pieces = tuple(map(tokenization.piece, tokens))
    return Prompt(text, tuple(tokens), pieces, {label: tuple(positions) for label, positions in labels.items()})


def _encoded(data: object) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(data).encode(), dtype=np.uint8)
