"""An engine that shows how far a sweep is, and keeps what it has measured while the sweep goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

from mi_checks.cache.recalling import Recalling
from mi_checks.cache.store import Store
from mi_checks.engine.base_run import BaseRun, Floats
from mi_checks.engine.engine import Engine, Progress, Quantity, no_progress
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.scores import Scores, intervention_name

CHUNK_S = 2.0  # seconds that interventions measured together should take
MAX_GROWTH = 8  # of a chunk over the one before
MAX_CHUNK = 512  # interventions
SAVE_EVERY_S = 10.0  # seconds; what is measured after the last time is lost if the process is killed


class Keeping(Recalling):
    """Measures in chunks, of which none takes long, and writes them to the cache as it goes.

    How interventions are divided depends on how fast the machine is; what they come to does not.
    """

    def __init__(
        self,
        make: Callable[[], Engine],
        store: Store | None,
        key: str,
        progress: Progress = no_progress,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with what the cache has under the key; without a cache nothing outlives this object."""
        super().__init__(make, store, key)
        self._progress = progress
        self._clock = clock
        self._saved = clock()

    @property
    def measurements(self) -> int:
        """How many measurements there are, those of earlier runs among them."""
        return len(self._kept.values)

    @cached_property
    def base(self) -> BaseRun:
        """The clean and the corrupted run."""
        (base,) = (super(Keeping, self).base for _ in self._progress([None], 1, "clean and corrupted runs"))
        return base

    def unknown(self, interventions: Sequence[Intervention]) -> list[Intervention]:
        """Return the interventions that were not measured yet, each once, in their order."""
        known = self._kept.values
        return [each for each in dict.fromkeys(interventions) if intervention_name(each) not in known]

    def measure(self, quantity: Quantity) -> Floats:
        """Measure interventions a chunk at a time, and other quantities at once; see `Engine.measure`."""
        if isinstance(quantity, Scores):
            missing = self.unknown(quantity.interventions)
            for _ in self._progress(self._measured(missing, quantity.title), len(missing), quantity.title):
                pass
        return super().measure(quantity)

    def estimated(self, name: str, estimate: Callable[[Engine], Floats]) -> Floats:
        """Return an array that an earlier run has kept under a name, or let it be computed and keep it."""
        found = self._array(name, lambda: estimate(self.engine))
        self._save_if_due()
        return found

    def _measured(self, interventions: list[Intervention], title: str) -> Iterator[Intervention]:
        """Yield interventions once they are measured."""
        begin, size = 0, 1
        while begin < len(interventions):
            began = self._clock()
            chunk = interventions[begin : begin + size]
            super().measure(Scores(tuple(chunk), title))
            taken = self._clock() - began
            yield from chunk
            self._save_if_due()
            begin += size
            fitting = int(len(chunk) * CHUNK_S / taken) if taken > 0 else MAX_CHUNK
            size = max(1, min(fitting, MAX_GROWTH * size, MAX_CHUNK))

    def _save_if_due(self) -> None:
        if self._clock() - self._saved >= SAVE_EVERY_S:
            self.save()
            self._saved = self._clock()
