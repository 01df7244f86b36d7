"""The runs in which a head mediated a behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.history.known import require, unknown
from mi_checks.history.moment import COLUMNS, Moment, Order, moment
from mi_checks.history.run_store import History
from mi_checks.results.evidence import MEDIATES


@dataclass(frozen=True)
class Standing:
    """The result of one run for a head.

    Attributes:
        at: the run.
        value: the fraction recovered by patching the head alone; None if clean and corrupted run did not differ.
        low: the lower end of its interval; None if the head is not among the run's strongest, which alone have one.
        high: the upper end of its interval; None in the same case.
    """

    at: Moment
    value: float | None
    low: float | None
    high: float | None

    @property
    def mediates(self) -> bool | None:
        """Return whether the whole interval lies above the threshold of a mediator, or None if that is unknown.

        A value without an interval is above its lower end, so a value below the threshold suffices for False.
        """
        if self.low is not None:
            return self.low > MEDIATES
        return None if self.value is not None and self.value > MEDIATES else False


@dataclass(frozen=True)
class Mediation:
    """The results of one head for one behaviour and model over time.

    Attributes:
        behaviour: the behaviour's name.
        model: the model's name.
        node: the head.
        label: the label at which it was patched; "" for all positions.
        standings: the result of each run that swept the head.
    """

    behaviour: str
    model: str
    node: str
    label: str
    standings: tuple[Standing, ...]

    @property
    def conclusive(self) -> list[Standing]:
        """Return the results that say whether the head mediates."""
        return [each for each in self.standings if each.mediates is not None]

    @property
    def changes(self) -> list[tuple[Standing, Standing]]:
        """Return each pair of consecutive conclusive results that disagree."""
        return [(before, after) for before, after in pairwise(self.conclusive) if before.mediates != after.mediates]


def mediations(
    history: History,
    behaviour: str,
    node: str,
    model: str | None = None,
    label: str | None = None,
    *,
    order: Order = "time",
) -> list[Mediation]:
    """Return the results of a head over time, for each model and label at which it was swept, or for one.

    The arguments are those of `courses`, and `label` is a label, "" for all positions, or None for every label.

    Raises:
        MiChecksError: no run has swept the head, or has such a behaviour, model or label.
    """
    require(history.connection, behaviour, None, model)
    swept = history.connection.execute(
        'SELECT id, model, node, "at" FROM nodes WHERE behaviour = ? AND model = ifnull(?, model) ORDER BY id',
        (behaviour, model),
    ).fetchall()
    where = f"{behaviour} on {model}" if model else behaviour
    if not swept:
        raise MiChecksError(f"no run in the history has swept the heads of {where}: none of its checks names nodes")
    if node not in {name for _, _, name, _ in swept}:
        names = sorted({name for _, _, name, _ in swept}, key=lambda name: (len(name), name))
        raise MiChecksError(unknown("head", node, f"the history of {where}", names))
    labels = list(dict.fromkeys(at for _, _, name, at in swept if name == node))
    if label is not None and label not in labels:
        label_names = [at or "all positions" for at in labels]
        raise MiChecksError(unknown("label", label, f"the history of {node} in {where}", label_names))
    return [
        Mediation(behaviour, of, node, at, _standings(history, number, of, order))
        for number, of, name, at in swept
        if name == node and label in (None, at)
    ]


def _standings(history: History, node: int, model: str, order: Order) -> tuple[Standing, ...]:
    rows: list[tuple[Any, ...]] = history.connection.execute(
        f"SELECT {COLUMNS}, value, low, high FROM shares JOIN runs ON runs.id = shares.run "  # noqa: S608
        "LEFT JOIN models ON models.run = shares.run AND models.name = ? WHERE node = ? ORDER BY started, runs.id",
        (model, node),
    ).fetchall()
    standings = (Standing(moment(*row[:5]), *row[5:]) for row in rows)
    return tuple(sorted(standings, key=lambda each: each.at.place(order)))
