"""An engine that measures only what the cache lacks, and that creates the real engine only if it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from mi_checks.cache.entry import Entry, entry_of
from mi_checks.cache.store import Store
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.readout import BaseRun, Floats
from mi_checks.stats.bootstrap import IntervalCache


class Recalling:
    """A caching front for an engine: it measures one batch on one model.

    Attributes:
        asked: number of requested measurements: base runs, and rows of quantities.
        recalled: how many of them came from the cache.
        intervals: the confidence intervals of earlier runs, and those that are added to them.
    """

    def __init__(self, make: Callable[[], Engine], store: Store | None, key: str) -> None:
        """Read the cache entry.

        Args:
            make: creates the engine that measures what the entry lacks.
            store: the cache; without one, measurements do not outlive this object.
            key: the key of the entry.
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
        """Return whether an engine was created because the cache lacked a measurement."""
        return "engine" in self.__dict__

    @property
    def name(self) -> str:
        """Return the name of the engine that measured."""
        return self._kept.engine or self.engine.name

    @cached_property
    def base(self) -> BaseRun:
        """Return the clean and the corrupted run."""
        self._count(1, 0 if self._kept.base is None else 1)
        if self._kept.base is None:
            self._kept.base = self.engine.base
            self._new = True
        return self._kept.base

    def measure(self, quantity: Quantity) -> Floats:
        """Return a quantity, measuring only the rows that the cache lacks; see `Engine.measure`."""
        names = quantity.names()
        if not quantity.by_row:
            return self._array(names[0], lambda: self.engine.measure(quantity))
        return self._by_name(names, lambda rows: self.engine.measure(quantity.only(rows)))

    def save(self) -> None:
        """Store new measurements for later runs, merged with what another process may have stored meanwhile."""
        if self._new and self._store is not None:
            earlier = entry_of(self._store.read(self._key))
            entry = self._kept
            merged = Entry(
                self.name,
                entry.base or earlier.base,
                {**earlier.values, **entry.values},
                {**earlier.patterns, **entry.patterns},
                {**earlier.intervals, **entry.intervals},
            )
            self._store.write(self._key, merged.arrays())
            self._new = False

    def keep_intervals(self) -> None:
        """Move the confidence intervals computed since the last call into the entry, for the next `save`."""
        if self._kept.engine and self.intervals.ends.keys() - self._kept.intervals.keys():
            self._kept.intervals |= self.intervals.ends
            self._new = True

    @cached_property
    def engine(self) -> Engine:
        """Return the engine that measures what the cache lacks, creating it on first use."""
        engine = self._make()
        self._kept.engine = self._kept.engine or engine.name
        return engine

    def give_up_engine(self) -> None:
        """Drop the engine to free its memory; it is created again if something remains to be measured."""
        self.__dict__.pop("engine", None)

    def _by_name(self, names: Sequence[str], measure: Callable[[list[int]], Floats]) -> Floats:
        """Return the values of all names, `name prompt`; `measure` receives the indices that the cache lacks."""
        missing = [place for place, name in enumerate(names) if name not in self._kept.values]
        self._count(len(names), len(names) - len(missing))
        if missing:
            self._kept.values.update(zip((names[i] for i in missing), measure(missing), strict=True))
            self._new = True
        return np.stack([self._kept.values[name] for name in names])

    def _array(self, name: str, measure: Callable[[], Floats]) -> Floats:
        """Return the value of a name, whatever its shape."""
        patterns = self._kept.patterns
        self._count(1, name in patterns)
        if name not in patterns:
            patterns[name] = measure()
            self._new = True
        return patterns[name]

    def _count(self, asked: int, recalled: int) -> None:
        self.asked += asked
        self.recalled += recalled
