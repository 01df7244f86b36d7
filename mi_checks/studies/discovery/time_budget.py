"""The time that discovery may take: an engine that measures in short chunks, and estimates of the time of a sweep."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.intervention_quantities import InterventionScores, intervention_name
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.readout import UnpatchedRuns
from mi_checks.output.progress import Progress, no_progress
from mi_checks.stats.floor import Floats

CHUNK_S = 2.0  # seconds that interventions measured together should take
MAX_CHUNK_GROWTH = 8  # factor by which a chunk may be larger than the one before
MAX_CHUNK_SIZE = 512  # interventions
SAVE_EVERY_S = 10.0  # seconds; later measurements are lost if the process is killed
N_TIMED_INTERVENTIONS = 16  # interventions of a sweep, from N_BLOCKS places in it
N_TIMED_BLOCKS = 4


class ChunkedEngine(CachedEngine):
    """An engine that measures in short chunks and writes each to the cache.

    The size of the chunks depends on the speed of the machine; the measurements do not.
    """

    def __init__(
        self,
        make: Callable[[], Engine],
        store: CacheStore | None,
        key: str,
        progress: Progress = no_progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read the cache entry of the key; without a cache, measurements last as long as this object."""
        super().__init__(make, store, key)
        self._progress = progress
        self._clock = clock
        self._saved = clock()

    @property
    def n_measurements(self) -> int:
        """Return the number of measurements, including those of earlier runs."""
        return len(self._entry.values)

    @cached_property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run."""
        (unpatched,) = (
            super(ChunkedEngine, self).unpatched for _ in self._progress([None], 1, "clean and corrupted runs")
        )
        return unpatched

    def uncached(self, interventions: Sequence[Intervention]) -> list[Intervention]:
        """Return the interventions that are not measured yet, in order and without duplicates."""
        known = self._entry.values
        return [each for each in dict.fromkeys(interventions) if intervention_name(each) not in known]

    def measure(self, quantity: Quantity) -> Floats:
        """Measure interventions in chunks, and other quantities at once; see `Engine.measure`."""
        if isinstance(quantity, InterventionScores):
            missing = self.uncached(quantity.interventions)
            for _ in self._progress(self._measured(missing, quantity.title), len(missing), quantity.title):
                pass
        return super().measure(quantity)

    def cached_array(self, name: str, estimate: Callable[[Engine], Floats]) -> Floats:
        """Return an array that an earlier run cached under a name, or compute and cache it."""
        array = self._array(name, lambda: estimate(self.engine))
        self._save_if_due()
        return array

    def _measured(self, interventions: list[Intervention], title: str) -> Iterator[Intervention]:
        """Yield interventions once they are measured."""
        begin, size = 0, 1
        while begin < len(interventions):
            began = self._clock()
            chunk = interventions[begin : begin + size]
            super().measure(InterventionScores(tuple(chunk), title))
            duration = self._clock() - began
            yield from chunk
            self._save_if_due()
            begin += size
            fitting = int(len(chunk) * CHUNK_S / duration) if duration > 0 else MAX_CHUNK_SIZE
            size = max(1, min(fitting, MAX_CHUNK_GROWTH * size, MAX_CHUNK_SIZE))

    def _save_if_due(self) -> None:
        if self._clock() - self._saved >= SAVE_EVERY_S:
            self.save()
            self._saved = self._clock()


@dataclass(frozen=True)
class TimeBudget:
    """The time that sweeps may take.

    Attributes:
        limit_s: seconds; a sweep that is expected to take longer is replaced by attribution patching and exact values
            of some nodes. 0 always replaces it, infinity never does.
        clock: returns the time in seconds.
    """

    limit_s: float = 60.0
    clock: Callable[[], float] = time.perf_counter

    @property
    def selection_s(self) -> float:
        """Return the seconds for the selection that replaces a sweep."""
        return self.limit_s / 4

    def seconds_each(
        self,
        measured: Measurements,
        engine: ChunkedEngine,
        interventions: Sequence[Intervention],
        timed: int = N_TIMED_INTERVENTIONS,
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
        if self.limit_s in (0.0, math.inf):
            return 0.0
        unknown = engine.uncached(list(interventions))
        if not unknown:
            return 0.0
        measured.unpatched  # noqa: B018 — the unpatched runs, which every intervention needs, are not part of its time
        # Similar interventions are measured together, so consecutive ones are needed.
        block = max(1, timed // N_TIMED_BLOCKS)
        begins = np.linspace(0, max(0, len(unknown) - block), min(N_TIMED_BLOCKS, timed)).astype(int)
        places = sorted({place for begin in begins for place in range(begin, min(begin + block, len(unknown)))})
        some = [unknown[place] for place in places]
        began = self.clock()
        measured.logit_diffs(some, "estimating the time")
        return (self.clock() - began) / len(some)

    def allows(self, count: int, seconds_each: float) -> bool:
        """Return whether `count` interventions are expected to take less than the limit."""
        return self.limit_s > 0 and count * seconds_each <= self.limit_s

    def affordable(self, seconds_each: float, least: int, most: int) -> int:
        """Return how many interventions there is time for in place of a sweep, between `least` and `most`."""
        if self.limit_s == 0 or seconds_each <= 0:
            return least if self.limit_s == 0 else most
        return max(least, min(most, int(self.selection_s / seconds_each)))
