"""A run's sweeps of heads → rows: the strongest with intervals, all others with their share alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.results.evidence import Evidence, Heatmap
from mi_checks.results.run import Run
from mi_checks.stats.estimate import Estimate


@dataclass(frozen=True)
class Share:
    """What one head recovers of clean − corrupt when denoised alone."""

    node: str
    at: str
    value: float | None  # None where clean and corrupt did not differ: there was nothing to recover
    estimate: Estimate | None  # of the strongest only


def insert_shares(connection: sqlite3.Connection, row: int, run: Run) -> None:
    """Add those of one run, within a transaction of the caller's."""
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
    """Every head that was swept, once for each label it was swept at."""
    found: dict[tuple[str, str], Share] = {}
    for each in evidence.mediators:
        found.setdefault((each.node, each.at), Share(each.node, each.at, each.estimate.value, each.estimate))
    for heatmap in evidence.heatmaps:
        if heatmap.component == "head":
            at = heatmap.at
            # Without an effect size no head is listed, and shares are noise.
            gap = any(each.at == at for each in evidence.mediators)
            for node, value in _heads(heatmap):
                found.setdefault((node, at), Share(node, at, value if gap else None, None))
    yield from found.values()


def _heads(heatmap: Heatmap) -> Iterator[tuple[str, float]]:
    for row, values in zip(heatmap.rows, heatmap.values, strict=False):
        for column, value in zip(heatmap.columns, values, strict=False):
            if value is not None:
                yield f"{row}{column}", value
