"""Estimates of how long a sweep takes, from a few of its interventions, and of how many of them there is time for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import Intervention
from mi_checks.studies.discovery.chunked_engine import ChunkedEngine

N_TIMED = 16  # interventions of a sweep, from N_BLOCKS places in it
N_BLOCKS = 4


@dataclass(frozen=True)
class Pace:
    """The time that sweeps may take.

    Attributes:
        limit: seconds; a sweep that is expected to take longer is replaced by a screen and exact values of some nodes.
            0 always screens, infinity never does.
        clock: returns the time in seconds.
    """

    limit: float = 60.0
    clock: Callable[[], float] = time.perf_counter

    @property
    def stage(self) -> float:
        """Return the seconds for the screen that replaces a sweep."""
        return self.limit / 4

    def seconds_each(
        self, measured: Measurements, engine: ChunkedEngine, interventions: Sequence[Intervention], timed: int = N_TIMED
    ) -> float:
        """Return about how many seconds each intervention takes, by measuring a few that are not cached.

        They are taken from several places of the sweep, since interventions in early layers take longest. The result is
        0 if all are cached, or if the limit is 0 or infinite, so that no estimate is needed.

        Args:
            measured: the behaviour on the model.
            engine: the engine that measures it.
            interventions: the sweep.
            timed: how many interventions to measure.
        """
        if self.limit in (0.0, math.inf):
            return 0.0
        unknown = engine.unknown(list(interventions))
        if not unknown:
            return 0.0
        measured.base  # noqa: B018 — the base runs, which every intervention needs, are not part of its time
        block = max(1, timed // N_BLOCKS)  # similar interventions are measured together, so consecutive ones are needed
        begins = np.linspace(0, max(0, len(unknown) - block), min(N_BLOCKS, timed)).astype(int)
        places = sorted({place for begin in begins for place in range(begin, min(begin + block, len(unknown)))})
        some = [unknown[place] for place in places]
        began = self.clock()
        measured.logit_diffs(some, "estimating the time")
        return (self.clock() - began) / len(some)

    def allows(self, count: int, seconds_each: float) -> bool:
        """Return whether `count` interventions are expected to take less than the limit."""
        return self.limit > 0 and count * seconds_each <= self.limit

    def affordable(self, seconds_each: float, least: int, most: int) -> int:
        """Return how many interventions there is time for in place of a sweep, between `least` and `most`."""
        if self.limit == 0 or seconds_each <= 0:
            return least if self.limit == 0 else most
        return max(least, min(most, int(self.stage / seconds_each)))
