"""Hashes of models' weights, computed without loading the models."""

from __future__ import annotations

from pathlib import Path

from mi_checks.models.loaders.loaded import sha256
from mi_checks.models.names import ModelName
from mi_checks.models.sources.folder import Folder
from mi_checks.models.sources.gguf import Gguf
from mi_checks.models.sources.hub import Hub
from mi_checks.models.sources.packaged import Packaged
from mi_checks.models.sources.source import Source, Unloadable
from mi_checks.models.sources.weight_files import weight_files


def weights_sha256(model: ModelName) -> str | None:
    """Return the hash that provenance will record after loading; None for models on a hub, known only after loading.

    Raises:
        MiChecksError: files of weights are missing.
    """
    try:
        files = _files(model.source)
    except Unloadable as error:
        raise model.unloadable(error) from error
    return None if files is None else sha256(files)


def _files(source: Source) -> list[Path] | None:
    match source:
        case Folder():
            files = weight_files(source.path) if source.layout == "huggingface" else [source.weights]
        case Gguf() | Packaged():
            files = [source.path]
        case Hub():
            return None
        case _:
            raise TypeError(source)
    for file in files:
        if not file.exists():
            raise Unloadable(f"{file} is missing")
    return files
