"""Paths of the files that a behaviour names, relative to its own folder and inside it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from mi_checks.errors import did_you_mean


def beside(owner: Path, name: str) -> Path | str:
    """Return the path of the file `name` in the folder of `owner`, or a message that says why it is not allowed."""
    if PurePosixPath(name).is_absolute() or PureWindowsPath(name).anchor:
        return f"{name!r} is an absolute path; name the file relative to the folder of this one"
    if "\\" in name:
        return f"{name!r} has a backslash; write the path with '/'"
    depth = 0
    for part in PurePosixPath(name).parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            return f"{name!r} leaves the folder of this file; move the file there, or into a folder inside it"
    return owner.parent / name


def missing(path: Path, name: str) -> str:
    """Return the message for a file that does not exist, with the files of the same suffix in its folder."""
    if os.path.isdir(path):
        return f"{name!r} is a folder; name a file"
    if not os.path.isdir(path.parent):
        return f"no file {name!r} beside this one: there is no folder {PurePosixPath(name).parent.as_posix()!r}"
    others = sorted(file.name for file in path.parent.iterdir() if file.suffix == path.suffix and file.is_file())
    known = f"; {path.suffix} files there: {', '.join(others)}" if others else f"; there is no {path.suffix} file there"
    return f"no file {name!r} beside this one{known}{did_you_mean(path.name, others)}"
