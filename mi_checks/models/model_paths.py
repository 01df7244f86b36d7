"""Paths of models as users write them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GGUF_PREFIX = "gguf:"


def expand_home(text: str) -> Path:
    """Return a path as it was written, with `~` as the user's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # the user does not exist
        return Path(text)


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder; False if no file system can have such a path."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Return whether a path is a file; False if no file system can have such a path."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def equals_splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield every way to read a name as `NAME=MODEL`, the shortest NAME first, as both may contain `=`."""
    for i, character in enumerate(name):
        if character == "=":
            yield name[:i], name[i + 1 :]


def split_checkpoint_label(text: str, parent: Path | None = None) -> tuple[str, str | None] | None:
    """Return a text as (folder, label of a training checkpoint or None), or None if there is no such folder.

    Args:
        text: `path/to/folder` or `path/to/folder@label`.
        parent: the folder that it is relative to, or None for the one in which this process runs.
    """
    if text and is_folder(relative_to_folder(text, parent)):
        return text, None
    path, _, label = text.rpartition("@")
    return (path, label) if path and label and is_folder(relative_to_folder(path, parent)) else None


def looks_like_path(text: str) -> bool:
    """Return whether a text can only be a path, whether or not it exists."""
    return text.startswith(("./", "../", "~", "/", ".\\", "..\\")) or text in (".", "..") or "\\" in text


def relative_to_folder(text: str, parent: Path | None) -> Path:
    """Return the path of a text that is relative to a folder, or to the one in which this process runs."""
    path = expand_home(text)
    return path if parent is None else parent / path


def relative_to_cwd(target: Path) -> str:
    """Return a normalised path, relative to the folder in which this process runs if it is inside that."""
    cwd = Path.cwd()
    target = Path(os.path.normpath(cwd / target))
    is_inside = target.is_relative_to(cwd) and target != cwd
    return target.relative_to(cwd).as_posix() if is_inside else str(target)
