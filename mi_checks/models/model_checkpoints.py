"""Training checkpoints: `nano-attn-2l@*` is a series of them, and a label is a number of training steps."""

from __future__ import annotations

import json
from collections.abc import Iterable

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import bundled_checkpoints, known_names, resolve
from mi_checks.models.model_paths import equals_splits, expand_home, is_folder
from mi_checks.models.sources.model_folder import ModelFolder

SERIES_SUFFIX = "@*"
METRICS_FILE = "metrics.json"  # written beside a nano model's weights by its training


def expand_series(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as the user wrote them, with `…@*` replaced by the models it stands for, without repetitions.

    Raises:
        MiChecksError: there are no checkpoints to list; the message says which models have some.
    """
    models = [model for name in names for model in (series_models(name) if name.endswith(SERIES_SUFFIX) else (name,))]
    return tuple(dict.fromkeys(models))


def series_models(name: str) -> tuple[str, ...]:
    """Return the models that `…@*` stands for, in the order of training: a bundled model's checkpoints or a folder's.

    Raises:
        MiChecksError: there are no checkpoints to list; the message says which models have some.
    """
    model = name.removesuffix(SERIES_SUFFIX)
    folder = _folder(model)
    if model in known_names() or folder is None:
        steps = tuple(each for each in bundled_checkpoints() if each.startswith(f"{model}@"))
    else:
        steps = tuple(f"{model}@{label}" for label in folder.checkpoints)
    if steps:
        return (*steps, model)
    resolve(model)  # raises if there is no such model
    known = dict.fromkeys(each.partition("@")[0] + SERIES_SUFFIX for each in bundled_checkpoints())
    raise MiChecksError(
        f"model {name!r}: no training checkpoints of {model!r} are known; use {', '.join(known)}, a folder with "
        f"checkpoints/, or name each checkpoint ({model}@LABEL)"
    )


def _folder(model: str) -> ModelFolder | None:
    """Return the folder that `FOLDER` or `NAME=FOLDER` names."""
    for text in (model, *(text for _, text in equals_splits(model))):
        if text and is_folder(expand_home(text)):
            return ModelFolder(expand_home(text))
    return None


def training_step(name: str) -> int | None:
    """Return a checkpoint's label if it is a whole number; for a final model the steps in `metrics.json`, or None.

    Raises:
        MiChecksError: there is no such model.
    """
    source = resolve(name).source
    if not isinstance(source, ModelFolder):
        return None
    if source.label is not None:
        return int(source.step) if source.step else None
    try:
        steps = json.loads((source.path / METRICS_FILE).read_text(encoding="utf-8"))["recipe"]["steps"]
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not a nano model's folder
    return steps if isinstance(steps, int) else None
