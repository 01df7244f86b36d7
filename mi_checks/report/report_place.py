"""Where a report goes: one file, or a folder with a page per behaviour. Light to import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError


@dataclass(frozen=True)
class Place:
    """`page` is what a reader opens first; `folder` says that other pages lie beside it."""

    page: Path
    folder: bool

    @property
    def run(self) -> Path:
        """Where the run is kept unless it is told otherwise."""
        return self.page.with_name("run.json") if self.folder else self.page.with_suffix(".json")


def place(named: str, root: Path) -> Place:
    """A name that ends in `/`, or of a folder that is there, means a folder."""
    path = root / named
    if named.endswith(("/", os.sep)) or path.is_dir():
        return Place(path / "index.html", True)
    return Place(path, False)


def writable(option: str, path: Path) -> Path:
    """The path, if a file can be written there; its folder is made.

    Raises:
        MiChecksError: none can; `option` is what was to say where.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MiChecksError(f"{option}: cannot make the folder {str(path.parent)!r}: {error.strerror}") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise MiChecksError(f"{option}: cannot write {str(path)!r}; name a file in a folder that can be written")
    return path
