"""How many steps of training a model has behind it, where that is written down."""

from __future__ import annotations

import json

from mi_checks.models.names import resolve
from mi_checks.models.sources.folder import Folder

METRICS = "metrics.json"  # what training a nano model wrote beside its weights


def training_step(name: str) -> int | None:
    """A checkpoint's label, if that is a whole number; at the end of training what `metrics.json` says, or None.

    Raises:
        MiChecksError: there is no such model.
    """
    source = resolve(name).source
    if not isinstance(source, Folder):
        return None
    if source.label is not None:
        return int(source.label) if source.label.isdecimal() else None
    try:
        steps = json.loads((source.path / METRICS).read_text(encoding="utf-8"))["recipe"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # a folder of somebody else's
    return steps if isinstance(steps, int) else None
