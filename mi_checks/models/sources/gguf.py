"""A GGUF file on this machine."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from mi_checks.models.sources.gguf_header import header_shape, read_header
from mi_checks.models.sources.source import Source, Unloadable
from mi_checks.spec.model_shape import ModelShape


@dataclass(frozen=True)
class Gguf(Source):
    """One file with weights, usually quantized, and tokenizer; they are de-quantized when loaded."""

    path: Path

    @property
    def described(self) -> str:
        """As the user may write it."""
        return f"gguf:{self.path}"

    @property
    def shape(self) -> ModelShape | None:
        """Read from the head of the file."""
        return header_shape(read_header(self.path))

    def require(self) -> None:
        """Nothing, if there is such a file and a package to read it with."""
        read_header(self.path)
        require_reader()


def require_reader() -> None:
    """Nothing, if the package `gguf` is installed.

    Raises:
        Unloadable: it is not.
    """
    if importlib.util.find_spec("gguf") is None:
        raise Unloadable("GGUF files are read with the package gguf; install it with pip install 'mi-checks[gguf]'")
