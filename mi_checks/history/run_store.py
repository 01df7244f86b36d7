"""The history: an open database to which runs are added, and from which whole runs can be read."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.history.database import connect, in_words, transaction
from mi_checks.history.identity import run_digest
from mi_checks.history.insert import insert
from mi_checks.history.storable import storable
from mi_checks.results.run import Run


@dataclass(frozen=True)
class Entry:
    """A run to be added to the history.

    Attributes:
        run: the run in the text.
        text: the run as JSON, which is stored unchanged.
        place: the file from which it was read or to which it was written.
    """

    run: Run
    text: str
    place: str


@dataclass(frozen=True)
class Added:
    """The number of runs that were new, and of those that were in the history already."""

    new: int = 0
    known: int = 0


class History:
    """The runs in a database. It is used by one thread; other processes may read and write it meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """Wrap an open connection; `History.at` opens one."""
        self.path = path
        self.connection = connection

    @classmethod
    @contextmanager
    def at(cls, path: Path, *, create: bool = False) -> Iterator[History]:
        """Open the history, migrate it, and close it at the end; SQLite's errors become `MiChecksError`.

        Args:
            path: the file.
            create: whether to create the file if it does not exist.

        Raises:
            MiChecksError: the file does not exist, is not a history, was written by a newer mi-checks, is locked by
                another process for too long, or cannot be read or written.
        """
        connection = connect(path, create=create)
        try:
            with in_words(path):
                yield cls(path, connection)
        finally:
            connection.close()

    def add(self, entries: Iterable[Entry]) -> Added:
        """Add all runs in one transaction; a run that is there already stays unchanged."""
        compressed = [
            (storable(each.run, each.text), run_digest(each.run), zlib.compress(each.text.encode()), each.place)
            for each in entries
        ]
        new = 0
        with transaction(self.connection):
            for entry in compressed:
                new += insert(self.connection, *entry)
        return Added(new, len(compressed) - new)

    def text(self, called: str) -> str:
        """Return a run as the JSON that was added.

        Args:
            called: the beginning of its digest, as lists show it.

        Raises:
            MiChecksError: no run begins so, or several do.
        """
        rows = self.connection.execute(
            "SELECT id, digest FROM runs WHERE substr(digest, 1, ?) = ? LIMIT 2", (len(called), called)
        ).fetchall()
        if len(rows) != 1 or not called:
            many = "several runs begin" if rows else "no run begins"
            raise MiChecksError(
                f"{self.path}: {many} with {called!r}; mi-checks history list shows what they are called"
            )
        (document,) = self.connection.execute("SELECT text FROM documents WHERE run = ?", (rows[0][0],)).fetchone()
        return zlib.decompress(document).decode()
