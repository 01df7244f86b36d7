"""The rows of a run's sweeps of heads: the strongest heads with intervals, all others with only their values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.results.evidence import Evidence, Heatmap
from mi_checks.results.run import Run
from mi_checks.stats.estimate import Estimate


@dataclass(frozen=True)
class Share:
    """The fraction recovered by denoising one head alone."""

    node: str
    at: str
    value: float | None  # None if clean and corrupted run did not differ, so that nothing could be recovered
    estimate: Estimate | None  # only for the strongest heads


def insert_shares(connection: sqlite3.Connection, row: int, run: Run) -> None:
    """Insert the sweeps of one run, inside a transaction of the caller's."""
    for evidence in run.evidence:
        for share in shares(evidence):
            key = (evidence.behaviour, evidence.model, share.node, share.at)
            connection.execute("INSERT INTO nodes VALUES (NULL, ?, ?, ?, ?) ON CONFLICT DO NOTHING", key)
            (node,) = connection.execute(
                'SELECT id FROM nodes WHERE behaviour = ? AND model = ? AND node = ? AND "at" = ?', key
            ).fetchone()
            low, high, n = (getattr(share.estimate, name, None) for name in ("low", "high", "n"))
            connection.execute(
                "INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (node, row, share.value, low, high, n),
            )


def shares(evidence: Evidence) -> Iterator[Share]:
    """Yield every head that was swept, once for each label at which it was swept."""
    by_node: dict[tuple[str, str], Share] = {}
    for each in evidence.mediators:
        by_node.setdefault((each.node, each.at), Share(each.node, each.at, each.estimate.value, each.estimate))
    for heatmap in evidence.heatmaps:
        if heatmap.component == "head":
            at = heatmap.at
            # If clean and corrupted run do not differ, no head is listed and the fractions are noise.
            differs = any(each.at == at for each in evidence.mediators)
            for node, value in _heads(heatmap):
                by_node.setdefault((node, at), Share(node, at, value if differs else None, None))
    yield from by_node.values()


def _heads(heatmap: Heatmap) -> Iterator[tuple[str, float]]:
    for row, values in zip(heatmap.rows, heatmap.values, strict=False):
        for column, value in zip(heatmap.columns, values, strict=False):
            if value is not None:
                yield f"{row}{column}", value
