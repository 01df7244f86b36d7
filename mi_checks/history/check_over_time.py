"""The results of a check over time, and the result that another measurement of it would repeat."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mi_checks.history.model_run import MODEL_RUN_COLUMNS, ModelRun, Order, model_run, require_known, training_order
from mi_checks.history.run_rows import refusal_of
from mi_checks.history.run_store import History
from mi_checks.stats.estimate import Estimate

RESULT_COLUMNS = "outcome, value, low, high, n, unit, refusal, bound, prompts_sha256"  # columns of `results`

FROM_RESULTS = (
    "FROM results JOIN runs ON runs.id = results.run "
    "LEFT JOIN models ON models.run = results.run AND models.name = ? WHERE series = ?"
)
SELECT_RESULTS = f"SELECT {MODEL_RUN_COLUMNS}, {RESULT_COLUMNS} {FROM_RESULTS}"


@dataclass(frozen=True)
class ResultInRun:
    """The result of a check in one run.

    Attributes:
        model_run: the model in the run.
        outcome: the outcome, as in the run.
        estimate: the estimate; None if nothing was measured.
        bound: the bound on the value, in words.
        prompts_sha256: the digest of the prompts and the tokenizer; values with different digests must not be
            subtracted.
    """

    model_run: ModelRun
    outcome: str
    estimate: Estimate | None
    bound: str
    prompts_sha256: str


@dataclass(frozen=True)
class CheckHistory:
    """The results of one check of one behaviour on one model, run by run."""

    behaviour: str
    model: str
    check: str
    results: tuple[ResultInRun, ...]

    @property
    def values(self) -> list[float | None]:
        """Return the values, for drawing; None for runs that measured nothing."""
        return [None if result.estimate is None else result.estimate.value for result in self.results]


@dataclass(frozen=True)
class CheckSummary:
    """A summary of one check of one behaviour on one model: its values, and its result in the last run."""

    behaviour: str
    model: str
    check: str
    values: tuple[float | None, ...]
    last: ResultInRun


def check_histories(
    history: History,
    behaviour: str,
    check: str,
    model: str | None = None,
    *,
    order: Order = "time",
    last: int | None = None,
) -> list[CheckHistory]:
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
    require_known(history.connection, behaviour, check, model)
    return [
        CheckHistory(behaviour, of, name, _results(history, series, of, order, last))
        for series, of, name in _series(history, behaviour, check, model)
    ]


def check_summaries(
    history: History, behaviour: str, model: str | None = None, *, order: Order = "time", last: int | None = None
) -> list[CheckSummary]:
    """Return a summary of every check of a behaviour; the arguments are those of `check_histories`.

    Raises:
        MiChecksError: no run has such a behaviour or model.
    """
    require_known(history.connection, behaviour, None, model)
    summaries = []
    for series, of, name in _series(history, behaviour, None, model):
        rows = history.connection.execute(
            f"SELECT value, step, results.run {FROM_RESULTS} ORDER BY started, runs.id",
            (of, series),
        ).fetchall()
        rows = sorted(rows, key=lambda row: training_order(row[1])) if order == "training" else rows
        values = tuple(row[0] for row in (rows[-last:] if last else rows))
        summaries.append(CheckSummary(behaviour, of, name, values, _result(history, series, of, rows[-1][2])))
    return summaries


def _series(history: History, behaviour: str, check: str | None, model: str | None) -> list[tuple[int, str, str]]:
    return history.connection.execute(
        'SELECT id, model, "check" FROM series WHERE behaviour = ? AND "check" = ifnull(?, "check") '
        "AND model = ifnull(?, model) ORDER BY id",
        (behaviour, check, model),
    ).fetchall()


def _result(history: History, series: int, model: str, run: int) -> ResultInRun:
    return result_in_run(
        history.connection.execute(f"{SELECT_RESULTS} AND results.run = ?", (model, series, run)).fetchone()
    )


def _results(history: History, series: int, model: str, order: Order, last: int | None) -> tuple[ResultInRun, ...]:
    rows: Sequence[tuple[object, ...]] = history.connection.execute(
        f"{SELECT_RESULTS} ORDER BY started DESC, runs.id DESC LIMIT ?",
        (model, series, -1 if last is None or order == "training" else last),
    ).fetchall()
    results = sorted(map(result_in_run, rows[::-1]), key=lambda each: each.model_run.sort_key(order))
    return tuple(results[-last:] if last else results)


def result_in_run(row: tuple[object, ...]) -> ResultInRun:
    """Return the result in a row with the columns of `MODEL_RUN_COLUMNS`, followed by those of `RESULT_COLUMNS`."""
    outcome, value, low, high, n, unit, refusal, bound, prompts = row[5:]
    estimate = None
    if value is not None:
        ends = (low, high) if refusal is None else (value, value)
        why = refusal_of(refusal)  # type: ignore[arg-type]
        estimate = Estimate(value, *ends, n, unit, "as in the run", refusal=why)  # type: ignore[arg-type]
    return ResultInRun(model_run(*row[:5]), outcome, estimate, bound, prompts)  # type: ignore[arg-type]


@dataclass(frozen=True)
class KnownResultQuery:
    """The values that must be equal for a recorded result to be the one that another measurement would give.

    Attributes:
        behaviour: the behaviour's name.
        model: the name of the model whose claims are tested.
        check: the check's id.
        claims_sha256: `run_rows.claims_digest` of the behaviour.
        dtype: the dtype of the weights in use.
        version: the version of mi-checks.
    """

    behaviour: str
    model: str
    check: str
    claims_sha256: str
    dtype: str
    version: str


def known_result(
    history: History, query: KnownResultQuery, weights_sha256: str, prompts_sha256: Callable[[], str]
) -> ResultInRun | None:
    """Return the latest matching result, or None; results that could not be measured do not count.

    Args:
        history: the history to search.
        query: the values that must be equal.
        weights_sha256: the digest of the weights, which must be equal.
        prompts_sha256: a function that returns the digest of the prompts, which must be equal; it is called only if all
            else matches, because it may have to load the model.
    """
    rows = history.connection.execute(
        f"SELECT versions, {MODEL_RUN_COLUMNS}, {RESULT_COLUMNS} FROM models "  # noqa: S608
        "JOIN runs ON runs.id = models.run JOIN results ON results.run = models.run "
        "JOIN series ON series.id = results.series AND series.model = models.name "
        'WHERE weights_sha256 = ? AND dtype = ? AND behaviour = ? AND name = ? AND "check" = ? '
        "AND behaviour_sha256 = ? AND outcome IN ('pass', 'fail', 'inconclusive') ORDER BY started DESC, runs.id DESC",
        (weights_sha256, query.dtype, query.behaviour, query.model, query.check, query.claims_sha256),
    ).fetchall()
    results = [result_in_run(row[1:]) for row in rows if json.loads(row[0]).get("mi-checks") == query.version]
    if not results:
        return None
    prompts = prompts_sha256()
    return next((each for each in results if each.prompts_sha256 == prompts), None)
