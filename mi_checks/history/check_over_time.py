"""The results of a check over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.history.known import require
from mi_checks.history.moment import COLUMNS, Moment, Order, moment, training_order
from mi_checks.history.run_store import History
from mi_checks.stats.estimate import Estimate

RESULT = "outcome, value, low, high, n, unit, bound, prompts_sha256"  # columns of `results`

JOINED = (
    "FROM results JOIN runs ON runs.id = results.run "
    "LEFT JOIN models ON models.run = results.run AND models.name = ? WHERE series = ?"
)
POINTS = f"SELECT {COLUMNS}, {RESULT} {JOINED}"


@dataclass(frozen=True)
class Point:
    """The result of a check in one run.

    Attributes:
        at: the run.
        outcome: the outcome, as in the run.
        estimate: the estimate; None if nothing was measured.
        bound: the bound on the value, in words.
        prompts_sha256: the digest of the prompts and the tokenizer; values with different digests must not be
            subtracted.
    """

    at: Moment
    outcome: str
    estimate: Estimate | None
    bound: str
    prompts_sha256: str


@dataclass(frozen=True)
class Course:
    """The results of one check of one behaviour on one model, run by run."""

    behaviour: str
    model: str
    check: str
    points: tuple[Point, ...]

    @property
    def values(self) -> list[float | None]:
        """Return the values, for drawing; None for runs that measured nothing."""
        return [None if point.estimate is None else point.estimate.value for point in self.points]


@dataclass(frozen=True)
class Outline:
    """A summary of one check of one behaviour on one model: its values, and its result in the last run."""

    behaviour: str
    model: str
    check: str
    values: tuple[float | None, ...]
    last: Point


def courses(
    history: History,
    behaviour: str,
    check: str,
    model: str | None = None,
    *,
    order: Order = "time",
    last: int | None = None,
) -> list[Course]:
    """Return the results of a check over the last runs, on all models that have it or on one.

    Args:
        history: the history to search.
        behaviour: the behaviour's name.
        check: the check's id.
        model: a model's name; None for all.
        order: the order of the runs: by starting time, or by training checkpoint.
        last: the maximum number of runs, counted from the end of that order; None for all.

    Raises:
        MiChecksError: no run has such a behaviour, check or model.
    """
    require(history.connection, behaviour, check, model)
    return [
        Course(behaviour, of, name, _points(history, series, of, order, last))
        for series, of, name in _series(history, behaviour, check, model)
    ]


def outlines(
    history: History, behaviour: str, model: str | None = None, *, order: Order = "time", last: int | None = None
) -> list[Outline]:
    """Return a summary of every check of a behaviour; the arguments are those of `courses`.

    Raises:
        MiChecksError: no run has such a behaviour or model.
    """
    require(history.connection, behaviour, None, model)
    summaries = []
    for series, of, name in _series(history, behaviour, None, model):
        rows = history.connection.execute(
            f"SELECT value, step, results.run {JOINED} ORDER BY started, runs.id",
            (of, series),
        ).fetchall()
        rows = sorted(rows, key=lambda row: training_order(row[1])) if order == "training" else rows
        values = tuple(row[0] for row in (rows[-last:] if last else rows))
        summaries.append(Outline(behaviour, of, name, values, _point(history, series, of, rows[-1][2])))
    return summaries


def _series(history: History, behaviour: str, check: str | None, model: str | None) -> list[tuple[int, str, str]]:
    return history.connection.execute(
        'SELECT id, model, "check" FROM series WHERE behaviour = ? AND "check" = ifnull(?, "check") '
        "AND model = ifnull(?, model) ORDER BY id",
        (behaviour, check, model),
    ).fetchall()


def _point(history: History, series: int, model: str, run: int) -> Point:
    return point(history.connection.execute(f"{POINTS} AND results.run = ?", (model, series, run)).fetchone())


def _points(history: History, series: int, model: str, order: Order, last: int | None) -> tuple[Point, ...]:
    rows: Sequence[tuple[object, ...]] = history.connection.execute(
        f"{POINTS} ORDER BY started DESC, runs.id DESC LIMIT ?",
        (model, series, -1 if last is None or order == "training" else last),
    ).fetchall()
    points = sorted(map(point, rows[::-1]), key=lambda each: each.at.place(order))
    return tuple(points[-last:] if last else points)


def point(row: tuple[object, ...]) -> Point:
    """Return the result in a row with the columns of `COLUMNS`, followed by those of `RESULT`."""
    outcome, value, low, high, n, unit, bound, prompts = row[5:]
    estimate = None if value is None else Estimate(value, low, high, n, unit, "as in the run")  # type: ignore[arg-type]
    return Point(moment(*row[:5]), outcome, estimate, bound, prompts)  # type: ignore[arg-type]
