"""Paths as users write them for models."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

GGUF = "gguf:"


def expanded(text: str) -> Path:
    """Return a path as it was written, `~` being the user's home."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)


def is_folder(path: Path) -> bool:
    """Return whether there is a folder; what no file system can have is none."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path) -> bool:
    """Return whether there is a file, likewise."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield every way to read a name as `NAME=MODEL`, the shortest NAME first: both may hold `=` themselves."""
    for place, character in enumerate(name):
        if character == "=":
            yield name[:place], name[place + 1 :]


def labelled_folder(text: str, base: Path | None = None) -> tuple[str, str | None] | None:
    """Return a text as (folder, label of a training checkpoint or None), or None where there is no such folder.

    Args:
        text: `path/to/folder` or `path/to/folder@label`.
        base: the folder that it counts from, or None for the one in which this process runs.
    """
    if text and is_folder(based(text, base)):
        return text, None
    place, _, label = text.rpartition("@")
    return (place, label) if place and label and is_folder(based(place, base)) else None


def looks_like_path(text: str) -> bool:
    """Return whether a text can only be meant as a path, whether or not there is anything."""
    return text.startswith(("./", "../", "~", "/", ".\\", "..\\")) or text in (".", "..") or "\\" in text


def based(text: str, base: Path | None) -> Path:
    """Return the path of a text that counts from a folder, or from the one in which this process runs."""
    path = expanded(text)
    return path if base is None else base / path


def seen_from_here(target: Path) -> str:
    """Return a path without its detours, from the folder in which this process runs if it lies in that."""
    here = Path.cwd()
    target = Path(os.path.normpath(here / target))
    inside = target.is_relative_to(here) and target != here
    return target.relative_to(here).as_posix() if inside else str(target)
