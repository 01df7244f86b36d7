"""The models that a behaviour file names, whose paths are relative to the file's folder."""

from __future__ import annotations

import os
from pathlib import Path

from mi_checks.models.model_names import canonical_name, is_known, is_path, known_names, name_suggestion
from mi_checks.models.model_paths import GGUF_PREFIX, looks_like_path, relative_to_folder
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.model_validation import check_models
from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.spec.rename_models import rename_models


def with_canonical_models(loaded: LoadedBehaviour) -> LoadedBehaviour:
    """Return a behaviour whose model names are relative to the folder in which this process runs.

    A path in a behaviour file, or in one that it extends, is relative to that file's folder. A name that stands for a
    model by itself means that model, whatever folders exist.

    Args:
        loaded: a behaviour with its models as its file names them.

    Raises:
        SpecError: two names in the file mean the same folder, or a path is relative to another folder.
    """
    names: dict[str, str] = {}
    problems: list[SpecProblem] = []
    for model in loaded.behaviour.models:
        folder = loaded.source.file_of(("models", model)).parent.absolute()
        name = canonical_name(model, folder)
        first = next((other for other, other_name in names.items() if other_name == name), None)
        message = None
        if first is not None:
            message = f"{model!r} is the same model as {first!r}, which this file also names; keep one of them"
        elif is_path(model) and not is_path(model, folder):
            suggestion = _path_seen_from(folder, model)
            message = (
                f"{model!r} does not exist: paths are relative to the folder of this file; did you mean {suggestion!r}?"
            )
        elif "=" in model and not is_path(model, folder) and not looks_like_path(model):
            message = f"there is no folder {model!r} beside this file, and only --mi-model accepts NAME=MODEL"
        if message is not None:
            problems.append(loaded.source.problem(("models", model), message, of_key=True))
        names[model] = name
    if problems:
        raise SpecError(problems)
    return rename_models(loaded, {model: name for model, name in names.items() if name != model})


def unknown_models(loaded: LoadedBehaviour) -> tuple[SpecProblem, ...]:
    """Return the models that do not exist. Names with '/' or ':' are not checked, as they may exist elsewhere.

    Args:
        loaded: a behaviour, as `with_canonical_models` returns it.
    """
    existing = [name for name in loaded.behaviour.models if is_known(name) or is_path(name)]
    return check_models(loaded, dict.fromkeys((*known_names(), *existing)), name_suggestion)


def _path_seen_from(folder: Path, model: str) -> str:
    """Return how a file in a folder would write a path that is relative to where this process runs."""
    path = model.removeprefix(GGUF_PREFIX)
    relative_path = Path(os.path.relpath(relative_to_folder(path, None).absolute(), folder)).as_posix()
    return model.removesuffix(path) + relative_path
