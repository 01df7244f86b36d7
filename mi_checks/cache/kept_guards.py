"""Cached guards of a model: made once for its weights and stored with the measurements."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np

from mi_checks.cache.key import guards_key
from mi_checks.cache.store import Store
from mi_checks.engine.guards.guard_model import guard
from mi_checks.errors import MiChecksError
from mi_checks.models.guards import Guard, Guards
from mi_checks.models.loaded_model import LoadedModel

GUARDS_ARRAY = "guards"  # the array of the stored entry that holds the guards, as UTF-8 of their JSON


def guarded(loaded_model: LoadedModel, store: Store | None) -> LoadedModel:
    """Return the model with its guards, which are made now unless the cache has them.

    Args:
        loaded_model: the model.
        store: the cache; None makes the guards without it.

    Raises:
        MiChecksError: a guard refuses every measurement on this model.
    """
    key = guards_key(loaded_model)
    guards = None if store is None else _stored_guards(store, key)
    if guards is None:
        guards = guard(loaded_model)
        if store is not None:
            encoded = np.frombuffer(json.dumps(asdict(guards)).encode(), dtype=np.uint8)
            store.write(key, {GUARDS_ARRAY: encoded})
    reason = guards.refusal("everything")
    if reason is not None:
        raise MiChecksError(f"{loaded_model.name} cannot be measured: {reason}")
    return replace(loaded_model, guards=guards)


def _stored_guards(store: Store, key: str) -> Guards | None:
    arrays = store.read(key)
    if GUARDS_ARRAY not in arrays:
        return None
    try:
        data = json.loads(arrays[GUARDS_ARRAY].tobytes())
        results = tuple(Guard(**{**result, "refuses": tuple(result["refuses"])}) for result in data["results"])
        return Guards(results, data["about"])
    except (ValueError, KeyError, TypeError):
        return None
