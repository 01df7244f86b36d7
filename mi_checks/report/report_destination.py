"""The destination of a report: one file, or a folder with a page per behaviour. This module is light to import."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError


@dataclass(frozen=True)
class ReportDestination:
    """A destination: `page` is opened first, and `folder` says whether other pages are written next to it."""

    page: Path
    folder: bool

    @property
    def run(self) -> Path:
        """Return the default path of the run's JSON file."""
        return self.page.with_name("run.json") if self.folder else self.page.with_suffix(".json")


def report_destination(name: str, root: Path) -> ReportDestination:
    """Return the destination for a name; one that ends in `/` or names an existing folder means a folder."""
    path = root / name
    if name.endswith(("/", os.sep)) or path.is_dir():
        return ReportDestination(path / "index.html", True)
    return ReportDestination(path, False)


def require_writable(option: str, path: Path) -> Path:
    """Return the path if a file can be written there; its parent folder is created.

    Args:
        option: the command-line option that gave the path, for the message.
        path: the file to write.

    Raises:
        MiChecksError: no file can be written there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MiChecksError(f"{option}: cannot make the folder {str(path.parent)!r}: {error.strerror}") from None
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise MiChecksError(f"{option}: cannot write {str(path)!r}; name a file in a writable folder")
    return path
