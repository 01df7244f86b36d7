"""A model in a GGUF file on this machine, and the metadata in the header of the file.

The header is read here in milliseconds; the package `gguf` takes seconds for it.
"""

from __future__ import annotations

import importlib.util
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from mi_checks.models.sources.model_source import ModelSource, Unloadable, require_files
from mi_checks.spec.node_names import ModelShape

NUMBER_FORMATS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
STRING_TYPE, ARRAY_TYPE = 8, 9


def read_header(path: Path) -> dict[str, Any]:
    """Return the metadata, key → number or string; None stands for an array, which is skipped.

    Raises:
        Unloadable: it is not a GGUF file, is truncated, or has a version that is not supported.
    """
    try:
        with path.open("rb") as file:
            magic, version, _, n_keys = struct.unpack("<4sIQQ", file.read(24))
            if magic != b"GGUF":
                raise Unloadable(f"{path} is not a GGUF file")
            if version not in (2, 3):
                raise Unloadable(f"{path} is GGUF version {version}; only versions 2 and 3 are supported")
            return dict(_entry(file) for _ in range(n_keys))
    except FileNotFoundError:
        raise Unloadable(f"there is no file {str(path)!r}") from None
    except (struct.error, KeyError, UnicodeDecodeError, OverflowError, MemoryError):
        raise Unloadable(f"{path} is not a GGUF file, or is truncated") from None
    except OSError as error:
        raise Unloadable(f"{path} cannot be read: {error.strerror}") from None


def header_shape(header: dict[str, Any]) -> ModelShape | None:
    """Return the numbers of layers, heads and neurons, or None if the architecture states them in another way."""
    prefix = header.get("general.architecture")
    layers, heads = header.get(f"{prefix}.block_count"), header.get(f"{prefix}.attention.head_count")
    neurons = header.get(f"{prefix}.feed_forward_length")
    if not (isinstance(layers, int) and isinstance(heads, int) and isinstance(neurons, int)):
        return None
    kv_heads = header.get(f"{prefix}.attention.head_count_kv", heads)
    return ModelShape(layers, heads, neurons, shared_kv_heads=kv_heads if kv_heads != heads else None)


def _entry(file: BinaryIO) -> tuple[str, Any]:
    key = _string(file).decode()
    return key, _value(file, _number(file, "<I"))


def _value(file: BinaryIO, kind: int) -> Any:
    if kind == STRING_TYPE:
        return _string(file).decode()
    if kind != ARRAY_TYPE:
        return _number(file, NUMBER_FORMATS[kind])
    inner, length = _number(file, "<I"), _number(file, "<Q")
    if inner in NUMBER_FORMATS:
        file.seek(length * struct.calcsize(NUMBER_FORMATS[inner]), 1)
        return None
    for _ in range(length):
        if inner == STRING_TYPE:
            file.seek(_number(file, "<Q"), 1)
        else:
            _value(file, inner)
    return None


def _number(file: BinaryIO, code: str) -> Any:
    return struct.unpack(code, file.read(struct.calcsize(code)))[0]


def _string(file: BinaryIO) -> bytes:
    length = _number(file, "<Q")
    text = file.read(min(length, 1 << 24))
    if len(text) < length:
        raise struct.error
    return text


@dataclass(frozen=True)
class GgufFile(ModelSource):
    """A file with weights, usually quantized, and tokenizer; the weights are de-quantized when loaded."""

    path: Path

    @property
    def provenance_name(self) -> str:
        """Return the name that the user may write."""
        return f"gguf:{self.path}"

    @property
    def shape(self) -> ModelShape | None:
        """Return the shape, read from the header of the file; None if the architecture states it in another way."""
        return header_shape(read_header(self.path))

    @property
    def weight_files(self) -> list[Path]:
        """Return the file.

        Raises:
            Unloadable: it is missing.
        """
        return require_files([self.path])

    def check_loadable(self) -> None:
        """Raise if the file does not exist or the package to read it is not installed."""
        read_header(self.path)
        require_reader()


def require_reader() -> None:
    """Raise if the package `gguf` is not installed.

    Raises:
        Unloadable: it is not installed.
    """
    if importlib.util.find_spec("gguf") is None:
        raise Unloadable("GGUF files require the package gguf; install it with pip install 'mi-checks[gguf]'")
