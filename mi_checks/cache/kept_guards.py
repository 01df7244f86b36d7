"""The guards of a model, made once for its weights and kept with the measurements."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np

from mi_checks.cache.key import guards_key
from mi_checks.cache.store import Store
from mi_checks.engine.guards.guard import guard
from mi_checks.errors import MiChecksError
from mi_checks.models.guards import Guard, Guards
from mi_checks.models.subject import Subject

MEMBER = "guards"  # of the stored entry: UTF-8 of its JSON


def guarded(subject: Subject, store: Store | None) -> Subject:
    """Return the model with its guards, made now or kept from an earlier run.

    Raises:
        MiChecksError: nothing can be measured on it.
    """
    key = guards_key(subject)
    guards = None if store is None else _kept(store, key)
    if guards is None:
        guards = guard(subject)
        if store is not None:
            written = np.frombuffer(json.dumps(asdict(guards)).encode(), dtype=np.uint8)
            store.write(key, {MEMBER: written})
    reason = guards.refusal("everything")
    if reason is not None:
        raise MiChecksError(f"{subject.name} cannot be measured: {reason}")
    return replace(subject, guards=guards)


def _kept(store: Store, key: str) -> Guards | None:
    found = store.read(key)
    if MEMBER not in found:
        return None
    try:
        data = json.loads(found[MEMBER].tobytes())
        results = tuple(Guard(**{**result, "refuses": tuple(result["refuses"])}) for result in data["results"])
        return Guards(results, data["about"])
    except (ValueError, KeyError, TypeError):
        return None
