"""The schema, as a list of migrations; `PRAGMA user_version` of a database counts those that it has had.

A released migration is never changed: every change of the schema is another migration.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable

from mi_checks.history.run_rows import insert_head_fractions, storable
from mi_checks.results.older_runs import step_of_revision, unit_in_current_terms
from mi_checks.results.read_run import parse_run

RUN_TABLES = """\
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,  -- of what was measured when: the same run, however it came here, is one row
    started TEXT NOT NULL,        -- ISO 8601, UTC: in the order of text
    seconds REAL NOT NULL,
    command TEXT NOT NULL,
    versions TEXT NOT NULL,       -- JSON, as in the run
    settings TEXT NOT NULL,       -- JSON, as in the run
    place TEXT NOT NULL           -- the file it was read from or written to
);
CREATE INDEX runs_started ON runs (started, id);
CREATE TABLE documents (          -- apart from the runs, so that no question reads them in passing
    run INTEGER PRIMARY KEY REFERENCES runs (id),
    text BLOB NOT NULL            -- the run as JSON, zlib
);
CREATE TABLE models (
    run INTEGER NOT NULL REFERENCES runs (id),
    name TEXT NOT NULL,
    weights_sha256 TEXT NOT NULL,
    tokenizer_sha256 TEXT NOT NULL,
    revision TEXT NOT NULL,
    source TEXT NOT NULL,
    dtype TEXT NOT NULL,
    PRIMARY KEY (run, name)
) WITHOUT ROWID;
CREATE INDEX models_weights ON models (weights_sha256);
CREATE TABLE series (             -- what is followed over runs
    id INTEGER PRIMARY KEY,
    behaviour TEXT NOT NULL,
    model TEXT NOT NULL,
    "check" TEXT NOT NULL,
    kind TEXT NOT NULL,
    UNIQUE (behaviour, model, "check")
);
CREATE TABLE results (            -- in the order of series: one check over all runs lies in one place
    series INTEGER NOT NULL REFERENCES series (id),
    run INTEGER NOT NULL REFERENCES runs (id),
    outcome TEXT NOT NULL,
    value REAL, low REAL, high REAL, n INTEGER, unit TEXT,  -- NULL where nothing was measured
    bound TEXT NOT NULL,
    prompts_sha256 TEXT NOT NULL,
    behaviour_sha256 TEXT NOT NULL,  -- of what was claimed: the behaviour file, and what its roles are bound to
    location TEXT NOT NULL,
    PRIMARY KEY (series, run)
) WITHOUT ROWID;
CREATE INDEX results_run ON results (run, outcome);
"""

HEAD_TABLES = """\
CREATE TABLE nodes (              -- heads that are followed over runs
    id INTEGER PRIMARY KEY,
    behaviour TEXT NOT NULL,
    model TEXT NOT NULL,
    node TEXT NOT NULL,
    "at" TEXT NOT NULL,           -- the label it was patched at; "" for all positions
    UNIQUE (behaviour, model, node, "at")
);
CREATE TABLE shares (             -- of clean − corrupt that one head recovers alone
    node INTEGER NOT NULL REFERENCES nodes (id),
    run INTEGER NOT NULL REFERENCES runs (id),
    value REAL,                      -- NULL where clean and corrupt did not differ: nothing could be recovered
    low REAL, high REAL, n INTEGER,  -- NULL where the head is not among the strongest: these alone have an interval
    PRIMARY KEY (node, run)
) WITHOUT ROWID;
"""


def _create_run_tables(connection: sqlite3.Connection) -> None:
    _execute(connection, RUN_TABLES)


def _create_head_tables(connection: sqlite3.Connection) -> None:
    """Create the tables of shares, and fill them from the documents of the runs that are already in the database.

    A later migration that changes these tables must leave this one the function as it is now.
    """
    _execute(connection, HEAD_TABLES)
    for run, digest, text in connection.execute("SELECT run, digest, text FROM documents JOIN runs ON id = run"):
        document = zlib.decompress(text).decode()
        insert_head_fractions(connection, run, storable(parse_run(document, f"run {digest}"), document))


def _add_steps_and_rename_units(connection: sqlite3.Connection) -> None:
    """Add the training step of the weights, which older runs recorded only as text, and call shares fractions."""
    connection.execute("ALTER TABLE models ADD COLUMN step INTEGER")  # NULL: not the weights of a numbered checkpoint
    for revision in connection.execute("SELECT DISTINCT revision FROM models").fetchall():
        step = step_of_revision(*revision)
        if step:
            connection.execute("UPDATE models SET step = ? WHERE revision = ?", (int(step), *revision))
    for (unit,) in connection.execute("SELECT DISTINCT unit FROM results WHERE unit IS NOT NULL").fetchall():
        connection.execute("UPDATE results SET unit = ? WHERE unit = ?", (unit_in_current_terms(unit), unit))


def _add_refusals(connection: sqlite3.Connection) -> None:
    """Add why an estimate has no interval, as JSON, and its ends are NULL; older runs gave each an interval."""
    for table in ("results", "shares"):
        connection.execute(f"ALTER TABLE {table} ADD COLUMN refusal TEXT")


def _execute(connection: sqlite3.Connection, script: str) -> None:
    """Execute a script, without the commit with which `executescript` begins."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _create_run_tables,
    _create_head_tables,
    _add_steps_and_rename_units,
    _add_refusals,
)
