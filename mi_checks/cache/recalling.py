"""An engine that measures only what no earlier run has measured, and is not even made where nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from mi_checks.cache.entry import Entry, entry_of
from mi_checks.cache.store import Store
from mi_checks.engine.base_run import BaseRun, Floats
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.stats.bootstrap import IntervalCache


class Recalling:
    """Measures one batch on one model, as an engine does.

    Attributes:
        asked: measurements asked for: base runs, and rows of quantities.
        recalled: how many of them an earlier run had made.
        intervals: those of earlier runs, and what is added to them.
    """

    def __init__(self, make: Callable[[], Engine], store: Store | None, key: str) -> None:
        """Recall what the store has under the key; `make` gives the engine for the rest. Without a store, nothing
        outlives this.
        """
        self._make = make
        self._store = store
        self._key = key
        self._kept = Entry() if store is None else entry_of(store.read(key))
        self.intervals = IntervalCache(self._kept.intervals)
        self._new = False
        self.asked = 0
        self.recalled = 0

    @property
    def has_engine(self) -> bool:
        """Whether anything was left for an engine to measure."""
        return "engine" in self.__dict__

    @property
    def name(self) -> str:
        """The engine that measured."""
        return self._kept.engine or self.engine.name

    @cached_property
    def base(self) -> BaseRun:
        """The clean and the corrupt run."""
        self._count(1, 0 if self._kept.base is None else 1)
        if self._kept.base is None:
            self._kept.base = self.engine.base
            self._new = True
        return self._kept.base

    def measure(self, quantity: Quantity) -> Floats:
        """Measure what of a quantity is not known; see `Engine.measure`."""
        names = quantity.names()
        if not quantity.by_row:
            return self._array(names[0], lambda: self.engine.measure(quantity))
        return self._recalled(names, lambda rows: self.engine.measure(quantity.only(rows)))

    def save(self) -> None:
        """Keep what was measured for later runs, beside what another process may have kept meanwhile."""
        if self._new and self._store is not None:
            earlier = entry_of(self._store.read(self._key))
            kept = self._kept
            both = Entry(
                self.name,
                kept.base or earlier.base,
                {**earlier.values, **kept.values},
                {**earlier.patterns, **kept.patterns},
                {**earlier.intervals, **kept.intervals},
            )
            self._store.write(self._key, both.arrays())
            self._new = False

    def keep_intervals(self) -> None:
        """Keep, with the next `save`, the intervals that were worked out since the last time."""
        if self._kept.engine and self.intervals.ends.keys() - self._kept.intervals.keys():
            self._kept.intervals |= self.intervals.ends
            self._new = True

    @cached_property
    def engine(self) -> Engine:
        """What measures the rest, made when first asked for."""
        made = self._make()
        self._kept.engine = self._kept.engine or made.name
        return made

    def give_up_engine(self) -> None:
        """Free its memory; if anything is still to be measured it is made again."""
        self.__dict__.pop("engine", None)

    def _recalled(self, names: Sequence[str], measure: Callable[[list[int]], Floats]) -> Floats:
        """What each name stands for, `name prompt`; `measure` is given the places of those that are not known."""
        missing = [place for place, name in enumerate(names) if name not in self._kept.values]
        self._count(len(names), len(names) - len(missing))
        if missing:
            self._kept.values.update(zip((names[i] for i in missing), measure(missing), strict=True))
            self._new = True
        return np.stack([self._kept.values[name] for name in names])

    def _array(self, name: str, measure: Callable[[], Floats]) -> Floats:
        """What a name stands for, whatever its shape."""
        patterns = self._kept.patterns
        self._count(1, name in patterns)
        if name not in patterns:
            patterns[name] = measure()
            self._new = True
        return patterns[name]

    def _count(self, asked: int, recalled: int) -> None:
        self.asked += asked
        self.recalled += recalled
