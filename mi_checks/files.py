"""Atomic writing of files, detection of the conflict markers that a merge leaves, and relative paths."""

from __future__ import annotations

import glob
import os
import re
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from mi_checks.errors import MiChecksError

_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(?= |$)", re.MULTILINE)
ABANDONED_AFTER_S = 60.0  # age at which a partial file belongs to a killed process; writing takes milliseconds


def write_file(path: Path, text: str, what: str, remedy: str = "name another file") -> None:
    """Write a text file as a whole, and make its folder if it does not exist.

    Args:
        path: the file.
        text: its whole text.
        what: what the file is, for the message: "the report".
        remedy: what to do if it cannot be written, for the message.

    Raises:
        MiChecksError: the file cannot be written; an older one stays unchanged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise MiChecksError(f"cannot write {what} to {path}: {error.strerror or error}; {remedy}") from error


def replace_text(path: Path, text: str) -> None:
    """Replace a file's text atomically: write a temporary file beside it, then rename that.

    A lone surrogate, which cannot be encoded, is written as `\\ud800`. A device or a pipe, such as `/dev/null`, is not
    replaced but written to.

    Raises:
        OSError: the file cannot be written; the old one stays unchanged.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        return
    delete_abandoned_files(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        part.chmod(0o666 & ~_umask() if not path.exists() else path.stat().st_mode & 0o777)  # mkstemp's file is private
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def delete_abandoned_files(path: Path) -> None:
    """Delete the temporary files that killed processes left beside this file."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):  # another process was faster, or the folder is read-only
            if part.stat().st_mtime < time.time() - ABANDONED_AFTER_S:
                part.unlink()


def conflict_line(text: str) -> int | None:
    """Return the line of the first conflict marker that a merge left, from 1, or None if there is none."""
    match = _MARKER.search(text)
    return None if match is None else text.count("\n", 0, match.start()) + 1


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def relative_path(path: Path, folder: Path) -> str:
    """Return a path relative to a folder, with forward slashes; unchanged if it is on another drive."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return path.as_posix()
