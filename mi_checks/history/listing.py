"""The list of runs in the history."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from mi_checks.history.moment import SHORT
from mi_checks.history.run_store import History

FROM_LAST_RUNS = "FROM runs ORDER BY started DESC, id DESC LIMIT ?"


@dataclass(frozen=True)
class Kept:
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
    def called(self) -> str:
        """Return the short name of the run, such as `3fa92c1b`."""
        return self.run[:SHORT]


def runs(history: History, last: int | None = None) -> list[Kept]:
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
        Kept(digest, started, command, models[run], outcomes[run], place)
        for run, digest, started, command, place in rows
    ]
