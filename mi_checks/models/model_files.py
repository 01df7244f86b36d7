"""The files that a model is loaded from, by which it is identified without being loaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import NANO_FOLDER, ModelName
from mi_checks.models.sources.gguf_file import GgufFile
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.sources.packaged_model import PackagedModel


def file_digests(model: ModelName) -> dict[str, str] | None:
    """Return the sha256 of every file that may decide what a model computes or how it reads a text.

    For a folder, these are all files in it, whatever they are called, and the weights of the training checkpoint. The
    result is None if the files are known only after loading, as for a model on the hub, or cannot be read.

    Args:
        model: the model.
    """
    try:
        files = _files(model)
        return None if files is None else {shown: _sha256(path) for shown, path in files.items()}
    except (OSError, MiChecksError):  # loading reports it
        return None


def _files(model: ModelName) -> dict[str, Path] | None:
    """Return the files by a name that does not depend on where the folder is, or None if they are not known."""
    source = model.source
    match source:
        case GgufFile() | PackagedModel():
            return {"/weights": source.path}
        case ModelFolder(layout="native"):  # without a tokenizer of its own, it has that of the bundled models
            shared = {f"../{file.name}": file for file in _files_in(NANO_FOLDER)}
            return {**shared, **_in_folder(source), "/weights": source.weights}
        case ModelFolder(layout="huggingface"):
            return _in_folder(source)
        case ModelFolder(layout="legacy") if (source.path / "tokenizer.json").exists():
            return {**_in_folder(source), "/weights": source.weights}
    return None  # on the hub, or with a tokenizer there


def _in_folder(folder: ModelFolder) -> dict[str, Path]:
    return {file.name: file for file in _files_in(folder.path)}


def _files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
