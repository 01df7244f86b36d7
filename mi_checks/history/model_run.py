"""A model in a run, as answers show it, and the names that a query may use."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.output.numbers import first_names

RUN_NAME_DIGITS = 8  # hexadecimal digits in the short name of a run
MAX_SHOWN_NAMES = 20  # in a message
WEIGHTS_HASH_DIGITS = 12  # hexadecimal digits shown of the digest of weights
MODEL_RUN_COLUMNS = "digest, started, weights_sha256, revision, step"  # columns of the join of `runs` and `models`

Order = Literal["time", "training"]
ORDERS: tuple[Order, ...] = ("time", "training")


@dataclass(frozen=True)
class ModelRun:
    """A run, with the weights that it used under one model's name.

    Attributes:
        run: the run's digest.
        started: its start, ISO 8601, UTC.
        weights_sha256: the digest of the weights; "" if the run does not record it.
        revision: the revision of the weights, such as `checkpoint 500`, or "".
        step: the training step of the weights; None if they are not those of a numbered checkpoint.
    """

    run: str
    started: str
    weights_sha256: str
    revision: str
    step: int | None

    @property
    def short_name(self) -> str:
        """Return the short name of the run, such as `3fa92c1b`."""
        return self.run[:RUN_NAME_DIGITS]

    @property
    def date(self) -> str:
        """Return the start of the run, such as `2026-11-24 10:57:05` (UTC)."""
        return self.started[:19].replace("T", " ")

    @property
    def weights(self) -> str:
        """Return the weights, such as `37135d31bb38` or `1b4c0ae251ca, checkpoint 500`."""
        return ", ".join(filter(None, (self.weights_sha256[:WEIGHTS_HASH_DIGITS] or "weights unknown", self.revision)))

    def sort_key(self, order: Order) -> float:
        """Return the sort key of the run in this order; equal runs are sorted by their start."""
        return training_order(self.step) if order == "training" else 0

    def as_dict(self) -> dict[str, Any]:
        """Return the fields for JSON."""
        return {
            "run": self.run,
            "started": self.started,
            "weights_sha256": self.weights_sha256,
            "revision": self.revision,
            "step": self.step,
        }


def training_order(step: int | None) -> float:
    """Return the sort key of weights in training order: their step, or infinity for the end of training."""
    return math.inf if step is None else step


def model_run(digest: str, started: str, weights: str | None, revision: str | None, step: int | None) -> ModelRun:
    """Return the model and run in a row with the columns of `MODEL_RUN_COLUMNS`.

    The weights are None if the run has results of the model but no record of it, because it could not be loaded.
    """
    return ModelRun(digest, started, weights or "", revision or "", step)


def require_known(connection: sqlite3.Connection, behaviour: str, check: str | None, model: str | None) -> None:
    """Raise if no run has such a check.

    Raises:
        MiChecksError: no run has such a behaviour, model or check; the message lists those that exist.
    """
    rows = connection.execute(
        'SELECT model, "check" FROM series WHERE behaviour = ? ORDER BY id', (behaviour,)
    ).fetchall()
    if not rows:
        behaviours = connection.execute("SELECT DISTINCT behaviour FROM series ORDER BY behaviour")
        raise MiChecksError(unknown_name("behaviour", behaviour, "the history", [name for (name,) in behaviours]))
    if model is not None:
        models = list(dict.fromkeys(name for name, _ in rows))
        if model not in models:
            raise MiChecksError(unknown_name("model", model, f"the history of {behaviour}", models))
    checks = list(dict.fromkeys(name for of, name in rows if model in (None, of)))
    if check is not None and check not in checks:
        where = f"{behaviour} on {model}" if model else behaviour
        raise MiChecksError(unknown_name("check", check, f"the history of {where}", checks))


def unknown_name(kind: str, word: str, where: str, names: Sequence[str]) -> str:
    """Return the message that a name is unknown, with the names that exist and the nearest one."""
    if not names:
        return f"{where} has no {kind} {word!r}: it is empty; pytest --mi-history PATH adds runs to it"
    shown = first_names(names, MAX_SHOWN_NAMES)
    return f"{where} has no {kind} {word!r}; it has {shown}{did_you_mean(word, names)}"
