"""Which runs there are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from mi_checks.history.moment import SHORT
from mi_checks.history.run_store import History

CHOSEN = "FROM runs ORDER BY started DESC, id DESC LIMIT ?"


@dataclass(frozen=True)
class Kept:
    """A run in the history.

    Attributes:
        run: its digest.
        started: ISO 8601, UTC.
        command: what made it.
        models: name → sha256 of weights.
        outcomes: how many checks came to each.
        place: the file it was read from or written to, or "".
    """

    run: str
    started: str
    command: str
    models: dict[str, str]
    outcomes: dict[str, int]
    place: str

    @property
    def called(self) -> str:
        """`3fa92c1b`"""
        return self.run[:SHORT]


def runs(history: History, last: int | None = None) -> list[Kept]:
    """All, or the last so many, in the order they began."""
    ask, most = history.connection.execute, (-1 if last is None else last,)
    rows = ask(f"SELECT id, digest, started, command, place {CHOSEN}", most).fetchall()[::-1]
    among = f"WHERE run IN (SELECT id {CHOSEN})"
    models: dict[int, dict[str, str]] = defaultdict(dict)
    outcomes: dict[int, dict[str, int]] = defaultdict(dict)
    for run, name, weights in ask(f"SELECT run, name, weights_sha256 FROM models {among}", most):  # noqa: S608
        models[run][name] = weights
    counted = f"SELECT run, outcome, count(*) FROM results {among} GROUP BY run, outcome"  # noqa: S608
    for run, outcome, number in ask(counted, most):
        outcomes[run][outcome] = number
    return [
        Kept(digest, started, command, models[run], outcomes[run], place)
        for run, digest, started, command, place in rows
    ]
