"""A run as rows of the database: the digests that identify it, text that SQLite can store, and the insertion."""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from mi_checks.results.evidence import Evidence, Heatmap
from mi_checks.results.read_run import parse_run
from mi_checks.results.run import CheckResult, Run
from mi_checks.results.write_run import as_data
from mi_checks.stats.estimate import Estimate, Refusal

SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")  # in JSON; also halves of characters beyond U+FFFF

MODEL_COLUMNS = ("weights_sha256", "tokenizer_sha256", "revision", "source", "dtype")

# The setting that holds the digest of the claims, which only the process that measures them knows.
CLAIMS_SETTING = "claims_sha256"


def run_digest(run: Run) -> str:
    """Return the SHA-256 digest of what a run measured, when, and on which weights.

    It is not the digest of the file: the same run in an older schema, or in another layout of the JSON, has the same
    one.
    """
    weights = {name: model.get("weights_sha256", "") for name, model in run.models.items()}
    results = [
        [each.behaviour, each.model, each.check, each.outcome, None if each.estimate is None else each.estimate.value]
        for each in run.results
    ]
    return _sha256([run.started, run.seconds, run.command, weights, results])


def claims_digest(yaml: str, roles: Mapping[str, Sequence[str]]) -> str:
    """Return the SHA-256 digest of a behaviour's claims.

    It covers the file with its parent files, and the nodes to which its roles are bound.
    """
    return _sha256([yaml, {name: sorted(nodes) for name, nodes in roles.items()}])


def _sha256(data: object) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def storable(run: Run, text: str) -> Run:
    """Return the run with `?` for lone surrogates, which SQLite cannot store.

    Args:
        run: the run.
        text: the run as JSON.
    """
    if not SURROGATE_ESCAPE.search(text):
        return run
    legible = json.dumps(as_data(run), ensure_ascii=False).encode(errors="replace").decode()
    return parse_run(legible, "the run")


@dataclass(frozen=True)
class HeadFraction:
    """The fraction recovered by denoising one head alone."""

    node: str
    at: str
    value: float | None  # None if clean and corrupted run did not differ, so that nothing could be recovered
    estimate: Estimate | None  # only for the strongest heads


def insert_head_fractions(connection: sqlite3.Connection, row: int, run: Run) -> None:
    """Insert the sweeps of one run, inside the caller's transaction."""
    for evidence in run.evidence:
        for fraction in head_fractions(evidence):
            key = (evidence.behaviour, evidence.model, fraction.node, fraction.at)
            connection.execute("INSERT INTO nodes VALUES (NULL, ?, ?, ?, ?) ON CONFLICT DO NOTHING", key)
            (node,) = connection.execute(
                'SELECT id FROM nodes WHERE behaviour = ? AND model = ? AND node = ? AND "at" = ?', key
            ).fetchone()
            n, ends = getattr(fraction.estimate, "n", None), interval_ends(fraction.estimate)
            connection.execute(
                "INSERT INTO shares (node, run, value, low, high, n) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (node, row, fraction.value, *ends, n),
            )
            refusal = refusal_json(fraction.estimate)
            if refusal is not None:  # never where a migration fills the table, which lacks the column then
                connection.execute("UPDATE shares SET refusal = ? WHERE node = ? AND run = ?", (refusal, node, row))


def interval_ends(estimate: Estimate | None) -> tuple[float | None, float | None]:
    """Return the ends of an estimate's interval; None twice if there is none."""
    if estimate is None or estimate.refusal is not None:
        return None, None
    return estimate.low, estimate.high


def refusal_json(estimate: Estimate | None) -> str | None:
    """Return why an estimate has no interval, as JSON; None if it has one, or if nothing was measured."""
    if estimate is None or estimate.refusal is None:
        return None
    return json.dumps(asdict(estimate.refusal))


def refusal_of(stored: str | None) -> Refusal | None:
    """Return what `refusal_json` stored."""
    return None if stored is None else Refusal(**json.loads(stored))


def head_fractions(evidence: Evidence) -> Iterator[HeadFraction]:
    """Yield every head that was swept, once for each label at which it was swept."""
    by_node: dict[tuple[str, str], HeadFraction] = {}
    for each in evidence.mediators:
        by_node.setdefault((each.node, each.at), HeadFraction(each.node, each.at, each.estimate.value, each.estimate))
    for heatmap in evidence.heatmaps:
        if heatmap.component == "head":
            at = heatmap.at
            # If clean and corrupted run do not differ, no head is listed and the fractions are noise.
            differs = any(each.at == at for each in evidence.mediators)
            for node, value in _heads(heatmap):
                by_node.setdefault((node, at), HeadFraction(node, at, value if differs else None, None))
    yield from by_node.values()


def _heads(heatmap: Heatmap) -> Iterator[tuple[str, float]]:
    for row, values in zip(heatmap.rows, heatmap.values, strict=False):
        for column, value in zip(heatmap.columns, values, strict=False):
            if value is not None:
                yield f"{row}{column}", value


def insert(connection: sqlite3.Connection, run: Run, digest: str, document: bytes, place: str) -> bool:
    """Insert a run, inside the caller's transaction, and return False if it is there already."""
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
            (
                row,
                name,
                *(model.get(key, "") for key in MODEL_COLUMNS),
                int(model["step"]) if model.get("step") else None,
            )
            for name, model in run.models.items()
        ],
    )
    _results(connection, row, run)
    insert_head_fractions(connection, row, run)
    return True


def _results(connection: sqlite3.Connection, row: int, run: Run) -> None:
    claims = {(each.behaviour, each.model): claims_digest(each.yaml, {}) for each in run.evidence}
    own = run.settings.get(CLAIMS_SETTING)
    for each in run.results:
        estimate = each.estimate
        numbers = (None,) * 5 if estimate is None else (
            estimate.value, *interval_ends(estimate), estimate.n, estimate.unit,
        )  # fmt: skip
        digest = own or claims.get((each.behaviour, each.model), "")
        connection.execute(
            "INSERT INTO results VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (
                _series(connection, each), row, each.outcome, *numbers, each.bound, each.prompts_sha256, digest,
                str(each.place), refusal_json(estimate),
            ),
        )  # fmt: skip


def _series(connection: sqlite3.Connection, result: CheckResult) -> int:
    key = (result.behaviour, result.model, result.check)
    connection.execute("INSERT INTO series VALUES (NULL, ?, ?, ?, ?) ON CONFLICT DO NOTHING", (*key, result.kind))
    rows = connection.execute('SELECT id FROM series WHERE behaviour = ? AND model = ? AND "check" = ?', key)
    number: int = rows.fetchone()[0]
    return number
