"""Series of training checkpoints: `nano-attn-2l@*` is that model's checkpoints in order, and then the model itself."""

from __future__ import annotations

from collections.abc import Iterable

from mi_checks.errors import MiChecksError
from mi_checks.models.model_paths import expanded, is_folder, splits
from mi_checks.models.names import checkpoints, known_names, resolve
from mi_checks.models.sources.folder import Folder

EACH = "@*"


def with_series(names: Iterable[str]) -> tuple[str, ...]:
    """Return names as the user wrote them, with `…@*` replaced by the models it stands for, without repetitions.

    Raises:
        MiChecksError: there are no checkpoints to list; the message says which models have some.
    """
    models = [model for name in names for model in (series(name) if name.endswith(EACH) else (name,))]
    return tuple(dict.fromkeys(models))


def series(name: str) -> tuple[str, ...]:
    """Return the models that `…@*` stands for, in the order of training: a bundled model's checkpoints or a folder's.

    Raises:
        MiChecksError: there are no checkpoints to list; the message says which models have some.
    """
    model = name.removesuffix(EACH)
    folder = _folder(model)
    if model in known_names() or folder is None:
        steps = tuple(each for each in checkpoints() if each.startswith(f"{model}@"))
    else:
        steps = tuple(f"{model}@{label}" for label in folder.checkpoints)
    if steps:
        return (*steps, model)
    resolve(model)  # raises if there is no such model
    known = dict.fromkeys(each.partition("@")[0] + EACH for each in checkpoints())
    raise MiChecksError(
        f"model {name!r}: there are no training checkpoints of {model!r} to list here; use {', '.join(known)}, a "
        f"folder with checkpoints/, or name each ({model}@LABEL)"
    )


def _folder(model: str) -> Folder | None:
    """Return the folder that `FOLDER` or `NAME=FOLDER` names."""
    for text in (model, *(text for _, text in splits(model))):
        if text and is_folder(expanded(text)):
            return Folder(expanded(text))
    return None
