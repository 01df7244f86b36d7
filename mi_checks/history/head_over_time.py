"""When a head mediated a behaviour, and when no longer."""

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
    """What one run says of a head.

    Attributes:
        at: the run.
        value: the share of clean − corrupt that it recovers alone; None where the two did not differ.
        low: of its interval; None where the head is not among the strongest of the run, which alone have one.
        high: likewise.
    """

    at: Moment
    value: float | None
    low: float | None
    high: float | None

    @property
    def mediates(self) -> bool | None:
        """Whether the whole interval lies above what a mediator recovers; None where the run cannot tell.

        A value without an interval is above its lower end, so that a small one is enough to say no.
        """
        if self.low is not None:
            return self.low > MEDIATES
        return None if self.value is not None and self.value > MEDIATES else False


@dataclass(frozen=True)
class Mediation:
    """One head, behaviour and model over time.

    Attributes:
        behaviour: its name.
        model: its name.
        node: the head.
        label: what it was patched at; "" for all positions.
        standings: what each run that swept it says.
    """

    behaviour: str
    model: str
    node: str
    label: str
    standings: tuple[Standing, ...]

    @property
    def told(self) -> list[Standing]:
        """Those that can tell."""
        return [each for each in self.standings if each.mediates is not None]

    @property
    def changes(self) -> list[tuple[Standing, Standing]]:
        """Each pair of runs, one after the other, that say otherwise."""
        return [(before, after) for before, after in pairwise(self.told) if before.mediates != after.mediates]


def mediations(
    history: History,
    behaviour: str,
    node: str,
    model: str | None = None,
    label: str | None = None,
    *,
    order: Order = "time",
) -> list[Mediation]:
    """A head over time, for each model and label it was swept at, or for one; runs as `courses` has them.

    Raises:
        MiChecksError: no run has swept it, or has such a behaviour or model.
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
        there = [at or "all positions" for at in labels]
        raise MiChecksError(unknown("label", label, f"the history of {node} in {where}", there))
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
    found = (Standing(moment(*row[:4]), *row[4:]) for row in rows)
    return tuple(sorted(found, key=lambda each: each.at.place(order)))
