"""The history: an open database to which runs are added or imported, and from which they are listed and read."""

from __future__ import annotations

import sqlite3
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mi_checks.errors import MiChecksError
from mi_checks.faults.unexpected import report_errors_at
from mi_checks.history.database import connect, reporting_sqlite_errors, transaction
from mi_checks.history.model_run import RUN_NAME_DIGITS
from mi_checks.history.run_rows import insert, run_digest, storable
from mi_checks.results.read_run import NotARunError, parse_run, read_text
from mi_checks.results.run import Run

BATCH_FILES = 32  # read before the database is locked and their runs are added together

FROM_LAST_RUNS = "FROM runs ORDER BY started DESC, id DESC LIMIT ?"


@dataclass(frozen=True)
class NewRun:
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
class AddedCounts:
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
            with reporting_sqlite_errors(path):
                yield cls(path, connection)
        finally:
            connection.close()

    def add(self, runs: Iterable[NewRun]) -> AddedCounts:
        """Add all runs in one transaction; a run that is there already stays unchanged."""
        compressed_runs = [
            (storable(each.run, each.text), run_digest(each.run), zlib.compress(each.text.encode()), each.place)
            for each in runs
        ]
        new = 0
        with transaction(self.connection):
            for compressed in compressed_runs:
                new += insert(self.connection, *compressed)
        return AddedCounts(new, len(compressed_runs) - new)

    def text(self, name: str) -> str:
        """Return a run as the JSON that was added.

        Args:
            name: the beginning of its digest, as `mi-checks history list` shows it.

        Raises:
            MiChecksError: no digest begins with that name, or several do.
        """
        rows = self.connection.execute(
            "SELECT id, digest FROM runs WHERE substr(digest, 1, ?) = ? LIMIT 2", (len(name), name)
        ).fetchall()
        if len(rows) != 1 or not name:
            how_many = "several runs have names that begin" if rows else "no run has a name that begins"
            raise MiChecksError(f"{self.path}: {how_many} with {name!r}; mi-checks history list shows the names")
        (document,) = self.connection.execute("SELECT text FROM documents WHERE run = ?", (rows[0][0],)).fetchone()
        return zlib.decompress(document).decode()


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    Attributes:
        new: the number of runs that were added.
        known: the number of runs that were there already.
        skipped: JSON files in the folders that are not runs.
        errors: a message for each named file that is not a run, and for each file that cannot be read.
    """

    new: int
    known: int
    skipped: tuple[Path, ...]
    errors: tuple[str, ...]


def import_runs(history: History, paths: Sequence[Path]) -> ImportReport:
    """Add the runs in files and folders, including subfolders.

    A file that cannot be read does not stop the import. Runs are added in batches, so that a kill leaves only whole
    runs.

    Raises:
        MiChecksError: a folder has no JSON file.
    """
    files = [(file, path.is_dir()) for path in paths for file in _files(path)]
    new = known = 0
    skipped: list[Path] = []
    errors: list[str] = []
    for begin in range(0, len(files), BATCH_FILES):
        batch = []
        for file, in_folder in files[begin : begin + BATCH_FILES]:
            try:
                with report_errors_at(f"{file}: reading it"):
                    text = read_text(file)
                    batch.append(NewRun(parse_run(text, file), text, str(file.absolute())))
            except NotARunError as error:
                skipped += [file] if in_folder else []
                errors += [] if in_folder else [str(error)]
            except MiChecksError as error:
                errors.append(str(error))
        added = history.add(batch)
        new, known = new + added.new, known + added.known
    return ImportReport(new, known, tuple(skipped), tuple(errors))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.rglob("*.json"))
    if not files:
        raise MiChecksError(f"the folder {str(path)!r} has no JSON files; name run files, or folders that contain them")
    return files


@dataclass(frozen=True)
class RunSummary:
    """A run in the history.

    Attributes:
        run: its digest.
        started: its start, ISO 8601, UTC.
        command: the command that produced it.
        models: the SHA-256 digest of each model's weights, by name.
        outcomes: the number of checks with each outcome.
        place: the file from which it was read or to which it was written, or "".
    """

    run: str
    started: str
    command: str
    models: dict[str, str]
    outcomes: dict[str, int]
    place: str

    @property
    def short_name(self) -> str:
        """Return the short name of the run, such as `3fa92c1b`."""
        return self.run[:RUN_NAME_DIGITS]


def run_summaries(history: History, last: int | None = None) -> list[RunSummary]:
    """Return all runs, or only the last ones, in order of their start."""
    execute, limit = history.connection.execute, (-1 if last is None else last,)
    rows = execute(f"SELECT id, digest, started, command, place {FROM_LAST_RUNS}", limit).fetchall()[::-1]
    in_last_runs = f"WHERE run IN (SELECT id {FROM_LAST_RUNS})"
    models: dict[int, dict[str, str]] = defaultdict(dict)
    outcomes: dict[int, dict[str, int]] = defaultdict(dict)
    for run, name, weights in execute(f"SELECT run, name, weights_sha256 FROM models {in_last_runs}", limit):  # noqa: S608
        models[run][name] = weights
    counted = f"SELECT run, outcome, count(*) FROM results {in_last_runs} GROUP BY run, outcome"  # noqa: S608
    for run, outcome, number in execute(counted, limit):
        outcomes[run][outcome] = number
    return [
        RunSummary(digest, started, command, models[run], outcomes[run], place)
        for run, digest, started, command, place in rows
    ]
