"""An engine that reports the progress of a sweep and caches its measurements during the sweep."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.intervention_quantities import InterventionScores, intervention_name
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.readout import BaseRun, Floats
from mi_checks.output.progress import Progress, no_progress

CHUNK_S = 2.0  # seconds that interventions measured together should take
MAX_CHUNK_GROWTH = 8  # factor by which a chunk may be larger than the one before
MAX_CHUNK = 512  # interventions
SAVE_EVERY_S = 10.0  # seconds; later measurements are lost if the process is killed


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
    def measurements(self) -> int:
        """Return the number of measurements, including those of earlier runs."""
        return len(self._entry.values)

    @cached_property
    def base(self) -> BaseRun:
        """Return the clean and the corrupted run."""
        (base,) = (super(ChunkedEngine, self).base for _ in self._progress([None], 1, "clean and corrupted runs"))
        return base

    def unknown(self, interventions: Sequence[Intervention]) -> list[Intervention]:
        """Return the interventions that are not measured yet, in order and without duplicates."""
        known = self._entry.values
        return [each for each in dict.fromkeys(interventions) if intervention_name(each) not in known]

    def measure(self, quantity: Quantity) -> Floats:
        """Measure interventions in chunks, and other quantities at once; see `Engine.measure`."""
        if isinstance(quantity, InterventionScores):
            missing = self.unknown(quantity.interventions)
            for _ in self._progress(self._measured(missing, quantity.title), len(missing), quantity.title):
                pass
        return super().measure(quantity)

    def estimated(self, name: str, estimate: Callable[[Engine], Floats]) -> Floats:
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
            fitting = int(len(chunk) * CHUNK_S / duration) if duration > 0 else MAX_CHUNK
            size = max(1, min(fitting, MAX_CHUNK_GROWTH * size, MAX_CHUNK))

    def _save_if_due(self) -> None:
        if self._clock() - self._saved >= SAVE_EVERY_S:
            self.save()
            self._saved = self._clock()
