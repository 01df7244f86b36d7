"""A folder of arrays that outlive a run: each entry one `.npz` file, named after a digest of all that it depends on.

Nothing here is ever trusted to be there or to be whole. A file that cannot be read counts as absent; a file is written
beside and then moved into place, so that a kill leaves the old one; two processes that write one entry each keep what
the other wrote before, and lose at most what it writes in that moment. No pickle.
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

LIMIT = 512 * 2**20  # bytes kept when a run ends; the suite's own take about a tenth
ABANDONED = 3600.0  # seconds after which an unfinished file is no longer somebody's work
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError)


class Store:
    """Entries by key, the least recently used thrown away first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, key: str) -> dict[str, npt.NDArray[Any]]:
        """The arrays of an entry; none if it is not there or cannot be read."""
        path = self._path(key)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as members:  # numpy leaves a bad one open
                arrays = dict(members)
            os.utime(path)  # used now
        except UNREADABLE:
            return {}
        return arrays

    def write(self, key: str, arrays: Arrays) -> None:
        """Put an entry in place of what was there. A full disk or a folder that is read-only costs only the entry."""
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

    def prune(self, limit: int = LIMIT) -> None:
        """Throw away what was not used for longest until the rest is within the limit, and what killed writers left."""
        entries: list[tuple[float, int, Path]] = []
        for path in self.folder.glob("*"):
            try:
                status = path.stat()
                if path.suffix == ".npz":
                    entries.append((status.st_mtime, status.st_size, path))
                elif path.suffix == ".part" and status.st_mtime < time.time() - ABANDONED:
                    path.unlink()
            except OSError:  # another process was faster
                continue
        taken = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries):
            if taken <= limit:
                break
            path.unlink(missing_ok=True)
            taken -= size

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.npz"
