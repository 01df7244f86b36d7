"""The insertion of a run into the tables of the database."""

from __future__ import annotations

import json
import sqlite3

from mi_checks.history.identity import CLAIMED, claims_digest
from mi_checks.history.stored_shares import insert_shares
from mi_checks.results.run import CheckResult, Run

MODEL = ("weights_sha256", "tokenizer_sha256", "revision", "source", "dtype")


def insert(connection: sqlite3.Connection, run: Run, digest: str, document: bytes, place: str) -> bool:
    """Insert a run, inside a transaction of the caller's, and return False if it is there already."""
    added = connection.execute(
        "INSERT INTO runs (digest, started, seconds, command, versions, settings, place) VALUES (?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (digest) DO NOTHING RETURNING id",
        (digest, run.started, run.seconds, run.command, json.dumps(run.versions), json.dumps(run.settings), place),
    ).fetchone()
    if added is None:
        return False
    (row,) = added
    connection.execute("INSERT INTO documents VALUES (?, ?)", (row, document))
    connection.executemany(
        "INSERT INTO models VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (row, name, *(model.get(key, "") for key in MODEL), int(model["step"]) if model.get("step") else None)
            for name, model in run.models.items()
        ],
    )
    _results(connection, row, run)
    insert_shares(connection, row, run)
    return True


def _results(connection: sqlite3.Connection, row: int, run: Run) -> None:
    claims = {(each.behaviour, each.model): claims_digest(each.yaml, {}) for each in run.evidence}
    own = run.settings.get(CLAIMED)
    for each in run.results:
        estimate = each.estimate
        numbers = (None,) * 5 if estimate is None else (
            estimate.value, estimate.low, estimate.high, estimate.n, estimate.unit,
        )  # fmt: skip
        digest = own or claims.get((each.behaviour, each.model), "")
        connection.execute(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                _series(connection, each), row, each.outcome, *numbers, each.bound, each.prompts_sha256, digest,
                str(each.place),
            ),
        )  # fmt: skip


def _series(connection: sqlite3.Connection, result: CheckResult) -> int:
    key = (result.behaviour, result.model, result.check)
    connection.execute("INSERT INTO series VALUES (NULL, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*key, result.kind))
    rows = connection.execute('SELECT id FROM series WHERE behaviour = ? AND model = ? AND "check" = ?', key)
    number: int = rows.fetchone()[0]
    return number
