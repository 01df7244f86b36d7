"""The run that something was measured in, as answers name it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

SHORT = 8  # characters of a run's digest by which it is called
HASH = 12  # of a hash of weights
COLUMNS = "digest, started, weights_sha256, revision"  # of `runs` and `models` joined

CHECKPOINT = re.compile(r"checkpoint (\d+)")
Order = Literal["time", "training"]
ORDERS: tuple[Order, ...] = ("time", "training")


@dataclass(frozen=True)
class Moment:
    """A run, and the weights that stood under one model's name in it.

    Attributes:
        run: its digest.
        started: ISO 8601, UTC.
        weights_sha256: "" where the run does not say.
        revision: such as `checkpoint 500`, or "".
    """

    run: str
    started: str
    weights_sha256: str
    revision: str

    @property
    def called(self) -> str:
        """`3fa92c1b`"""
        return self.run[:SHORT]

    @property
    def date(self) -> str:
        """`2026-11-24 10:57:05`"""
        return self.started[:19].replace("T", " ")

    @property
    def weights(self) -> str:
        """`37135d31bb38`, `1b4c0ae251ca, checkpoint 500`"""
        return ", ".join(filter(None, (self.weights_sha256[:HASH] or "weights unknown", self.revision)))

    def place(self, order: Order) -> float:
        """What runs are sorted by, where those that began earlier come first among equals."""
        return step(self.revision) if order == "training" else 0

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "run": self.run,
            "started": self.started,
            "weights_sha256": self.weights_sha256,
            "revision": self.revision,
        }


def step(revision: str | None) -> float:
    """The number of a training checkpoint; weights that are none are those at the end."""
    found = CHECKPOINT.fullmatch(revision or "")
    return int(found[1]) if found else math.inf


def moment(digest: str, started: str, weights: str | None, revision: str | None) -> Moment:
    """Of `COLUMNS`; a run may have results of a model and, where it could not be loaded, nothing else of it."""
    return Moment(digest, started, weights or "", revision or "")
