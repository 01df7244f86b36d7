"""A cache folder: each entry is one `.npz` file, named after a digest of everything that it depends on.

A file may be missing or damaged at any time. A file that cannot be read counts as absent. A file is written under a
temporary name and then moved into place, so that a killed process leaves the old one intact. Two processes that write
the same entry each preserve what the other wrote before, and lose at most what it writes at that moment. Pickle is
never used.
"""

from __future__ import annotations

import os
import tempfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = Mapping[str, npt.NDArray[Any]]

MAX_CACHE_BYTES = 512 * 2**20  # after a run; the test suite's own cache takes about a tenth of it
ABANDONED = 3600.0  # seconds after which an unfinished file is assumed to belong to a killed process
READ_ERRORS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError)


class CacheStore:
    """A store of entries by key, from which the least recently used are deleted first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays of an entry; none if it does not exist or cannot be read."""
        path = self._path(key)
        try:
            # Opened here, because numpy does not close a damaged file that it opened itself.
            with path.open("rb") as file, np.load(file, allow_pickle=False) as members:
                arrays = dict(members)
            os.utime(path)  # records the last use
        except READ_ERRORS:
            return {}
        return arrays

    def write(self, key: str, arrays: Arrays) -> None:
        """Write an entry, replacing an earlier one. On a full disk or in a read-only folder, the entry is lost."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
        except OSError:
            return
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                np.savez(file, allow_pickle=False, **arrays)
            part.replace(self._path(key))
        except OSError:
            part.unlink(missing_ok=True)

    def prune(self, limit: int = MAX_CACHE_BYTES) -> None:
        """Delete the least recently used entries until the rest fits the limit, and files of killed processes."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*"):
            try:
                status = path.stat()
                if path.suffix == ".npz":
                    entries.append((status.st_mtime, status.st_size, path))
                elif path.suffix == ".part" and status.st_mtime < time.time() - ABANDONED:
                    path.unlink()
            except OSError:  # another process deleted it first
                continue
        total_bytes = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if total_bytes <= limit:
                break
            path.unlink(missing_ok=True)
            total_bytes -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"
