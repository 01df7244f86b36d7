"""The runs in which a head mediated a behaviour, and one sentence about them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.history.model_run import MODEL_RUN_COLUMNS, ModelRun, Order, model_run, require_known, unknown_name
from mi_checks.history.run_rows import refusal_of
from mi_checks.history.run_store import History
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.numbers import count
from mi_checks.results.evidence import MIN_MEDIATOR_FRACTION
from mi_checks.stats.estimate import Refusal


@dataclass(frozen=True)
class HeadInRun:
    """The result of one run for a head.

    Attributes:
        model_run: the model in the run.
        value: the fraction recovered by patching the head alone; None if clean and corrupted run did not differ.
        low: the lower end of its interval; None if the head is not among the run's strongest, which alone have one, or
            if an interval would not hold.
        high: the upper end of its interval; None in the same cases.
        refusal: why an interval would not hold; None for all others.
    """

    model_run: ModelRun
    value: float | None
    low: float | None
    high: float | None
    refusal: Refusal | None = None

    @property
    def mediates(self) -> bool | None:
        """Return whether the whole interval lies above the threshold of a mediator, or None if that is unknown.

        A value without an interval is above its lower end, so a value below the threshold suffices for False.
        """
        if self.low is not None:
            return self.low > MIN_MEDIATOR_FRACTION
        if self.refusal is not None:
            return None
        return None if self.value is not None and self.value > MIN_MEDIATOR_FRACTION else False


@dataclass(frozen=True)
class HeadHistory:
    """The results of one head for one behaviour and model over time.

    Attributes:
        behaviour: the behaviour's name.
        model: the model's name.
        node: the head.
        label: the label at which it was patched; "" for all positions.
        results: the result of each run that swept the head.
    """

    behaviour: str
    model: str
    node: str
    label: str
    results: tuple[HeadInRun, ...]

    @property
    def conclusive(self) -> list[HeadInRun]:
        """Return the results that say whether the head mediates."""
        return [each for each in self.results if each.mediates is not None]

    @property
    def changes(self) -> list[tuple[HeadInRun, HeadInRun]]:
        """Return each pair of consecutive conclusive results that disagree."""
        return [(before, after) for before, after in pairwise(self.conclusive) if before.mediates != after.mediates]


def head_histories(
    history: History,
    behaviour: str,
    node: str,
    model: str | None = None,
    label: str | None = None,
    *,
    order: Order = "time",
) -> list[HeadHistory]:
    """Return the results of a head over time, for each model and label at which it was swept, or for one.

    The arguments are those of `check_histories`, and `label` is a label, "" for all positions, or None for every label.

    Raises:
        MiChecksError: no run has swept the head, or has such a behaviour, model or label.
    """
    require_known(history.connection, behaviour, None, model)
    swept = history.connection.execute(
        'SELECT id, model, node, "at" FROM nodes WHERE behaviour = ? AND model = ifnull(?, model) ORDER BY id',
        (behaviour, model),
    ).fetchall()
    where = f"{behaviour} on {model}" if model else behaviour
    if not swept:
        raise MiChecksError(f"no run in the history has swept the heads of {where}: none of its checks names nodes")
    if node not in {name for _, _, name, _ in swept}:
        names = sorted({name for _, _, name, _ in swept}, key=lambda name: (len(name), name))
        raise MiChecksError(unknown_name("head", node, f"the history of {where}", names))
    labels = list(dict.fromkeys(at for _, _, name, at in swept if name == node))
    if label is not None and label not in labels:
        label_names = [at or "all positions" for at in labels]
        raise MiChecksError(unknown_name("label", label, f"the history of {node} in {where}", label_names))
    return [
        HeadHistory(behaviour, of, node, at, _results(history, number, of, order))
        for number, of, name, at in swept
        if name == node and label in (None, at)
    ]


def _results(history: History, node: int, model: str, order: Order) -> tuple[HeadInRun, ...]:
    rows: list[tuple[Any, ...]] = history.connection.execute(
        f"SELECT {MODEL_RUN_COLUMNS}, value, low, high, refusal FROM shares JOIN runs ON runs.id = shares.run "  # noqa: S608
        "LEFT JOIN models ON models.run = shares.run AND models.name = ? WHERE node = ? ORDER BY started, runs.id",
        (model, node),
    ).fetchall()
    results = (HeadInRun(model_run(*row[:5]), row[5], row[6], row[7], refusal_of(row[8])) for row in rows)
    return tuple(sorted(results, key=lambda each: each.model_run.sort_key(order)))


def mediation_sentence(head: HeadHistory) -> str:
    """Return one sentence, or two if the answer changed several times.

    For example: `L1H6 mediated induction on nano-attn-2l until 3fa92c1b (…), and no longer from 8e01d2aa (…).`
    """
    conclusive = head.conclusive
    where = f" at {head.label}" if head.label else ""
    node, what = f"{head.node}{where}", f"{head.behaviour} on {head.model}"
    if not conclusive:
        return f"No run shows whether {node} mediates {what}."
    last, changes = conclusive[-1], head.changes
    if not changes:
        runs = (
            f"the only run, {_named(last.model_run)}"
            if len(conclusive) == 1
            else f"each of {count(len(conclusive), 'run')}"
        )
        return f"{node} {'mediates' if last.mediates else 'does not mediate'} {what} in {runs}."
    before, after = changes[-1]
    often = f" It changed {count(len(changes), 'time')}." if len(changes) > 1 else ""
    if last.mediates:
        return (
            f"{node} mediates {what} since {_named(after.model_run)}, and did not in {_named(before.model_run)}.{often}"
        )
    until, since = _named(before.model_run), _named(after.model_run)
    return f"{node} mediated {what} until {until}, and no longer from {since}.{often}"


def verdict_words(result: HeadInRun) -> str:
    """Return `mediates` or `does not`, with the reason if the displayed interval does not explain it."""
    if result.value is None:
        return "does not: nothing to recover, since clean and corrupt do not differ"
    if result.refusal is not None:
        return f"inconclusive: {refusal_text(result.refusal)}"
    if result.low is None:
        return (
            "inconclusive: not among the strongest" if result.mediates is None else "does not: not among the strongest"
        )
    return "mediates" if result.mediates else "does not"


def _named(model_run: ModelRun) -> str:
    return f"{model_run.short_name} ({model_run.date}, {model_run.weights})"
