"""The base class of sources of models: what is known before a model is loaded."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.spec.node_names import ModelShape


class Unloadable(MiChecksError):
    """The reason why a source cannot be loaded; a caller that knows the name that the user gave puts it first."""


class NotFetched(Unloadable):
    """A packaged model that has not been downloaded; a run never downloads it."""


def require_files(files: list[Path]) -> list[Path]:
    """Return the files, or raise if one does not exist.

    Raises:
        Unloadable: a file is missing.
    """
    for file in files:
        if not file.exists():
            raise Unloadable(f"{file} is missing")
    return files


class ModelSource(ABC):
    """The files of a model, on this machine or elsewhere."""

    @property
    @abstractmethod
    def provenance_name(self) -> str:
        """Return the name that provenance records."""

    @property
    @abstractmethod
    def shape(self) -> ModelShape | None:
        """Return the numbers of layers, heads and neurons, or None if they are known only after loading.

        Raises:
            MiChecksError: the file that holds the shape is missing or broken.
        """

    @property
    @abstractmethod
    def weight_files(self) -> list[Path] | None:
        """Return the files of weights, or None if they are known only after loading.

        Raises:
            Unloadable: a file is missing.
        """

    def check_loadable(self) -> None:
        """Raise if loading cannot be tried.

        Raises:
            Unloadable: something must be downloaded or installed first.
        """
        return
