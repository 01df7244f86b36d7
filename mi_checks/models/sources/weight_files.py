"""The files of weights of a folder in transformers' layout."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from mi_checks.models.sources.model_source import Unloadable

SAFETENSORS, PICKLE = "model.safetensors", "pytorch_model.bin"
INDEX_SUFFIX = ".index.json"  # suffix of either name, for the file that says which shard holds which tensor
ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors", "adapter_model.bin")
LFS_POINTER_START = b"version https://git-lfs"
# Other formats of weights, which are not read.
OTHER_PATTERNS = ("*.safetensors", "*.bin", "*.pt", "*.pth", "*.ckpt", "*.gguf", "*.h5", "*.msgpack", "*.npz", "*.onnx")


def find_weight_files(folder: Path) -> list[Path]:
    """Return the files that hold a model's weights: safetensors if there are some, otherwise pickles of tensors.

    Raises:
        Unloadable: a file is missing, or the weights are in files of another name or kind.
    """
    for name in (SAFETENSORS, PICKLE):
        if (folder / name).exists():
            return [_readable_weights(folder / name)]
        if (folder / f"{name}{INDEX_SUFFIX}").exists():
            return [_readable_weights(shard) for shard in _shards(folder / f"{name}{INDEX_SUFFIX}")]
    others = sorted(
        path.name for pattern in OTHER_PATTERNS for path in folder.glob(pattern) if path.name not in ADAPTER_FILES
    )
    if not others:
        raise Unloadable(f"{folder / SAFETENSORS} is missing")
    hint = f"write gguf:{folder / others[0]}" if others[0].endswith(".gguf") else "save them with save_pretrained"
    raise Unloadable(
        f"{folder} contains neither {SAFETENSORS} nor {PICKLE}, and weights in other files are not read "
        f"({others[0]}); {hint}"
    )


def sha256(files: Sequence[Path]) -> str:
    """Return the hash of one file, or of the lines that `sha256sum` prints for several files, ordered by name."""
    digests = {}
    for path in sorted(files):
        with path.open("rb") as file:
            digests[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    if len(digests) == 1:
        return next(iter(digests.values()))
    return hashlib.sha256("".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()).hexdigest()


def are_pickles(files: list[Path]) -> bool:
    """Return whether weights are pickles of tensors, and not safetensors."""
    return any(file.suffix == ".bin" for file in files)


def refuse_adapter(folder: Path) -> None:
    """Raise if a folder holds an adapter, such as LoRA's, which would not be part of the model that is measured.

    Raises:
        Unloadable: it holds an adapter.
    """
    adapter = next((name for name in ADAPTER_FILES if (folder / name).exists()), None)
    if adapter is None:
        return
    has_base = (folder / "config.json").exists()
    what = "is only an adapter" if not has_base else "contains an adapter beside its base model"
    base = _base(folder)
    measure = (
        "or move the adapter away to measure the base model alone"
        if has_base
        else f"or measure its base model{base} alone"
    )
    raise Unloadable(
        f"{folder} {what} ({adapter}), and adapters are not applied; merge it into its base model with the package "
        f"peft (model.merge_and_unload().save_pretrained(FOLDER)) and name that folder, {measure}"
    )


def _base(folder: Path) -> str:
    """Return the name of an adapter's base model, from its config and in parentheses; "" if it is not named."""
    try:
        name = json.loads((folder / ADAPTER_FILES[0]).read_text(encoding="utf-8"))["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return f" ({name})" if isinstance(name, str) and name else ""


def _readable_weights(file: Path) -> Path:
    """Return a file, or raise if it cannot be read or is only a pointer of Git LFS."""
    try:
        with file.open("rb") as opened:
            pointer = opened.read(len(LFS_POINTER_START)) == LFS_POINTER_START
    except OSError as error:
        raise Unloadable(f"{file} cannot be read: {error.strerror or error}") from error
    if pointer:
        raise Unloadable(f"{file} is a Git LFS pointer, not the weights; download them with git lfs pull")
    return file


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted({str(name) for name in json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()})
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        names = []
    if not names:
        raise Unloadable(f"{index} is not a weight index")
    for name in names:
        if Path(name).name != name:
            raise Unloadable(f"{index} lists {name!r}, which is not in its folder")
        if not (index.parent / name).exists():
            raise Unloadable(f"{index.parent / name} is missing, although {index.name} lists it")
    return [index.parent / name for name in names]
