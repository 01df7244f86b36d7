"""A model in a GGUF file on this machine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mi_checks.models.sources.gguf_header import header_shape, read_header
from mi_checks.models.sources.source import Source, Unloadable
from mi_checks.spec.node_names import ModelShape


@dataclass(frozen=True)
class Gguf(Source):
    """A file with weights, usually quantized, and tokenizer; the weights are de-quantized when loaded."""

    path: Path

    @property
    def described(self) -> str:
        """Return the file as the user may write it."""
        return f"gguf:{self.path}"

    @property
    def shape(self) -> ModelShape | None:
        """Return the shape, read from the header of the file; None if the architecture states it in another way."""
        return header_shape(read_header(self.path))

    def require(self) -> None:
        """Raise if the file does not exist or there is no package to read it with."""
        read_header(self.path)
        require_reader()


def require_reader() -> None:
    """Raise if the package `gguf` is not installed.

    Raises:
        Unloadable: it is not installed.
    """
    if importlib.util.find_spec("gguf") is None:
        raise Unloadable("GGUF files are read with the package gguf; install it with pip install 'mi-checks[gguf]'")
