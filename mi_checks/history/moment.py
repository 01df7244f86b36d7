"""The names of a run and its weights in answers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

SHORT = 8  # hexadecimal digits in the short name of a run
WEIGHTS_HASH_DIGITS = 12  # hexadecimal digits shown of the digest of weights
COLUMNS = "digest, started, weights_sha256, revision, step"  # columns of the join of `runs` and `models`

Order = Literal["time", "training"]
ORDERS: tuple[Order, ...] = ("time", "training")


@dataclass(frozen=True)
class Moment:
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
    def called(self) -> str:
        """Return the short name of the run, such as `3fa92c1b`."""
        return self.run[:SHORT]

    @property
    def date(self) -> str:
        """Return the start of the run, such as `2026-11-24 10:57:05` (UTC)."""
        return self.started[:19].replace("T", " ")

    @property
    def weights(self) -> str:
        """Return the weights, such as `37135d31bb38` or `1b4c0ae251ca, checkpoint 500`."""
        return ", ".join(filter(None, (self.weights_sha256[:WEIGHTS_HASH_DIGITS] or "weights unknown", self.revision)))

    def place(self, order: Order) -> float:
        """Return the sort key of the run in this order; equal runs are sorted by their start."""
        return training_order(self.step) if order == "training" else 0

    def plain(self) -> dict[str, Any]:
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


def moment(digest: str, started: str, weights: str | None, revision: str | None, step: int | None) -> Moment:
    """Return the moment in a row with the columns of `COLUMNS`.

    The weights are None if the run has results of the model but no record of it, because it could not be loaded.
    """
    return Moment(digest, started, weights or "", revision or "", step)
