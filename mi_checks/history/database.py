"""Connections to the history database, migrated to the newest schema, and readable messages for SQLite's errors."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import one_line
from mi_checks.history.migrations import MIGRATIONS

APPLICATION_ID = 0x6D696368  # "mich" in the file's header; other SQLite databases are never written to
WRITE_TIMEOUT_S = 30.0  # seconds that a writer waits for another writer
HOW_TO_CREATE = "create it with pytest --mi-history PATH or mi-checks history import RUN"


def connect(path: Path, *, create: bool) -> sqlite3.Connection:
    """Return a connection to the database at a path, migrated to the newest schema.

    Args:
        path: the file.
        create: whether to create the file if it does not exist.

    Raises:
        MiChecksError: the file does not exist, is not a history, was written by a newer mi-checks, or cannot be opened
            or written.
    """
    if path.is_dir():
        raise MiChecksError(f"{path} is a folder; name the history's file in it, such as {path / 'history.sqlite3'}")
    if not create and not path.exists():
        raise MiChecksError(f"the history {str(path)!r} does not exist; {HOW_TO_CREATE}")
    if create:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MiChecksError(f"cannot create the folder {str(path.parent)!r}: {error.strerror}") from None
    with reporting_sqlite_errors(path):
        connection = sqlite3.connect(path, timeout=WRITE_TIMEOUT_S, isolation_level=None)
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit everything done inside, or roll it all back on any exception.

    It waits for another writer before it begins, never in the middle.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled it back already
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def reporting_sqlite_errors(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into `MiChecksError`.

    Raises:
        MiChecksError: SQLite raised an error.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise MiChecksError(_message(path, error)) from None


@contextmanager
def reporting_damage(path: Path) -> Iterator[None]:
    """Raise if rows are not as mi-checks writes them, because another program has written to the file.

    Raises:
        MiChecksError: a value has the wrong type, or a row is missing.
    """
    try:
        yield
    except (TypeError, ValueError, LookupError, zlib.error) as error:
        raise MiChecksError(
            f"{path} is damaged: a row is not as mi-checks writes it ({one_line(error)}); restore a copy of the "
            "file, or move it away and import its runs again"
        ) from error


def _message(path: Path, error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return f"{path} is not a database; name a history, or a file that does not exist yet"
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            waited = f"another process has been writing to it for {WRITE_TIMEOUT_S:g} seconds"
            return f"{path}: {waited}; try again when it is done"
        case sqlite3.SQLITE_FULL:
            return f"{path} cannot be written: the disk is full; the history is unchanged"
        case sqlite3.SQLITE_CORRUPT:
            return f"{path} is damaged: {error}; restore a copy of the file, or move it away and import its runs again"
        case sqlite3.SQLITE_READONLY:
            return f"{path} cannot be written: it or its folder is read-only"
        case _:
            return f"{path} cannot be read or written: {error}"


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Migrate the database to the newest schema, one transaction per step."""
    if _version(connection, path) == len(MIGRATIONS):
        return
    for number, migration in enumerate(MIGRATIONS, start=1):
        with transaction(connection):
            if _version(connection, path) < number:  # another process may have migrated it meanwhile
                migration(connection)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {number}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or version or tables):
        raise MiChecksError(
            f"{path} is a database of another program; name a history, or a file that does not exist yet"
        )
    if version > len(MIGRATIONS):
        raise MiChecksError(
            f"{path} is a history of schema {version}, and this mi-checks reads schemas up to {len(MIGRATIONS)}: "
            "install a newer mi-checks, or name another file"
        )
    return version
