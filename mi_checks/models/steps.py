"""The number of training steps of a model, if it is recorded."""

from __future__ import annotations

import json

from mi_checks.models.names import resolve
from mi_checks.models.sources.folder import Folder

METRICS_FILE = "metrics.json"  # written beside a nano model's weights by its training


def training_step(name: str) -> int | None:
    """Return a checkpoint's label if it is a whole number; for a final model the steps in `metrics.json`, or None.

    Raises:
        MiChecksError: there is no such model.
    """
    source = resolve(name).source
    if not isinstance(source, Folder):
        return None
    if source.label is not None:
        return int(source.label) if source.label.isdecimal() else None
    try:
        steps = json.loads((source.path / METRICS_FILE).read_text(encoding="utf-8"))["recipe"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not a nano model's folder
    return steps if isinstance(steps, int) else None
