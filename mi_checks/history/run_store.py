"""The history: an open database, and what puts runs into it and takes them out whole."""

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
    """A run on its way into the history.

    Attributes:
        run: what the text holds.
        text: the run as JSON, kept as it is.
        place: the file it was read from or written to.
    """

    run: Run
    text: str
    place: str


@dataclass(frozen=True)
class Added:
    """How many runs were new, and how many were in the history already."""

    new: int = 0
    known: int = 0


class History:
    """Runs in a database. Used by one thread; other processes may read and write it meanwhile."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """`History.at` opens one."""
        self.path = path
        self.connection = connection

    @classmethod
    @contextmanager
    def at(cls, path: Path, *, create: bool = False) -> Iterator[History]:
        """Open it, of whatever schema it was, and close it again; what SQLite raises meanwhile is told in words.

        Args:
            path: its file.
            create: make it where there is none.

        Raises:
            MiChecksError: there is none, it is no history, is one of a newer mi-checks, is locked by another process
                for too long, or cannot be read or written.
        """
        connection = connect(path, create=create)
        try:
            with in_words(path):
                yield cls(path, connection)
        finally:
            connection.close()

    def add(self, entries: Iterable[Entry]) -> Added:
        """Add runs, all or, whatever happens, none; one that is there already stays as it is."""
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
        """A run as JSON, as it was when it was added.

        Args:
            called: the beginning of its digest, as lists show it.

        Raises:
            MiChecksError: no run begins so, or several do.
        """
        found = self.connection.execute(
            "SELECT id, digest FROM runs WHERE substr(digest, 1, ?) = ? LIMIT 2", (len(called), called)
        ).fetchall()
        if len(found) != 1 or not called:
            many = "several runs begin" if found else "no run begins"
            raise MiChecksError(
                f"{self.path}: {many} with {called!r}; mi-checks history list shows what they are called"
            )
        (document,) = self.connection.execute("SELECT text FROM documents WHERE run = ?", (found[0][0],)).fetchone()
        return zlib.decompress(document).decode()
