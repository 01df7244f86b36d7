"""Files that mi-checks writes: whole or not at all, and whether a merge left conflict markers in one."""

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
ABANDONED = 60.0  # seconds after which a part is a killed writer's: to write one takes milliseconds


def write_file(path: Path, text: str, what: str, remedy: str = "name another file") -> None:
    """Make the file's folder, and replace the file.

    Args:
        path: the file.
        text: all of it.
        what: it is, in the message: "the report".
        remedy: what to do about it, likewise.

    Raises:
        MiChecksError: it cannot be written; an older one is as it was.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_text(path, text)
    except OSError as error:
        raise MiChecksError(f"cannot write {what} to {path}: {error.strerror or error}; {remedy}") from error


def replace_text(path: Path, text: str) -> None:
    """Beside the file, then in its place: whatever happens meanwhile, one of them is whole.

    A lone surrogate, which no file takes, is written as `\\ud800`. A device or a pipe, such as `/dev/null`, is written
    to and not replaced.

    Raises:
        OSError: it cannot be written; the old one is as it was.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        return
    sweep(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            file.write(text)
        part.chmod(0o666 & ~_umask() if not path.exists() else path.stat().st_mode & 0o777)  # mkstemp's is private
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def sweep(path: Path) -> None:
    """Delete what killed writers of this file left beside it."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        with suppress(OSError):  # another process was faster, or nothing can be written there
            if part.stat().st_mtime < time.time() - ABANDONED:
                part.unlink()


def conflict_line(text: str) -> int | None:
    """Return the line of the first conflict marker that a merge left, from 1; None where there is none."""
    found = _MARKER.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
