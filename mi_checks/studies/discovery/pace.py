"""How long a sweep would take, from a few of its interventions, and how many of them there is time for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import Intervention
from mi_checks.studies.discovery.keeping import Keeping

TIMED = 16  # interventions of a sweep, from BLOCKS places in it
BLOCKS = 4


@dataclass(frozen=True)
class Pace:
    """How much time sweeps may take.

    Attributes:
        limit: seconds; a sweep that is expected to take longer is replaced by a screen and exact values of some nodes.
            0 always screens, infinity never does.
        clock: what tells the time.
    """

    limit: float = 60.0
    clock: Callable[[], float] = time.perf_counter

    @property
    def stage(self) -> float:
        """Seconds for what takes the place of a sweep that would take too long."""
        return self.limit / 4

    def seconds_each(
        self, measured: Measurements, engine: Keeping, interventions: Sequence[Intervention], timed: int = TIMED
    ) -> float:
        """Return about how long one of many interventions takes, by measuring a few that are not known yet.

        They are taken from several places of the sweep, as early layers take longest. 0 where all are known, or where
        no time is needed to decide.

        Args:
            measured: the behaviour on the model.
            engine: what measures it.
            interventions: the sweep.
            timed: how many are measured.
        """
        if self.limit in (0.0, math.inf):
            return 0.0
        unknown = engine.unknown(list(interventions))
        if not unknown:
            return 0.0
        measured.base  # noqa: B018 — what every intervention needs is not part of its time
        block = max(1, timed // BLOCKS)  # alike ones are measured together, so some follow each other
        begins = np.linspace(0, max(0, len(unknown) - block), min(BLOCKS, timed)).astype(int)
        places = sorted({place for begin in begins for place in range(begin, min(begin + block, len(unknown)))})
        some = [unknown[place] for place in places]
        began = self.clock()
        measured.logit_diffs(some, "estimating the time")
        return (self.clock() - began) / len(some)

    def allows(self, count: int, seconds_each: float) -> bool:
        """Return whether so many interventions are expected to take less than the limit."""
        return self.limit > 0 and count * seconds_each <= self.limit

    def affordable(self, seconds_each: float, least: int, most: int) -> int:
        """Return how many interventions there is time for in place of a sweep, between `least` and `most`."""
        if self.limit == 0 or seconds_each <= 0:
            return least if self.limit == 0 else most
        return max(least, min(most, int(self.stage / seconds_each)))
