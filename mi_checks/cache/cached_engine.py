"""A cached engine: it measures only what the cache lacks, and creates the real engine only if it is needed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from mi_checks.cache.cache_keys import INTERVAL_LIBRARIES, INTERVAL_SOURCES
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.code_digest import code_digest
from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.readout import SideRun, UnpatchedRuns
from mi_checks.stats.floor import Floats
from mi_checks.stats.interval_cache import DIGEST_BYTES, IntervalCache

SIDES = ("clean", "corrupt")


@dataclass
class CacheEntry:
    """The measurements of one batch on one model by one engine.

    Attributes:
        engine: the name of the engine that measured; "" if nothing has been measured yet.
        unpatched: the clean and the corrupted run.
        values: measurement name → result of an intervention or an attention probability, `prompt`.
        patterns: measurement name → result with another shape, such as attention in one prompt, `destination source`.
        intervals: digest → ends of their confidence intervals, as in `IntervalCache`; valid only for the current
            version of the resampling code.
    """

    engine: str = ""
    unpatched: UnpatchedRuns | None = None
    values: dict[str, Floats] = field(default_factory=dict)
    patterns: dict[str, Floats] = field(default_factory=dict)
    intervals: dict[bytes, Floats] = field(default_factory=dict)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the entry as arrays, from which `entry_from_arrays` makes an equal entry."""
        names = sorted(self.values)
        patterns = sorted(self.patterns)
        header = {
            "engine": self.engine, "names": names, "patterns": patterns, "base": self.unpatched is not None,
            "intervals": code_digest(INTERVAL_SOURCES, INTERVAL_LIBRARIES) if self.intervals else "",
        }  # fmt: skip
        arrays = {"about": _text(header)}
        if self.intervals:
            arrays |= _interval_arrays(self.intervals)
        if names:
            arrays["values"] = _narrow(np.stack([self.values[name] for name in names]))
        arrays |= {f"pattern.{i}": _narrow(self.patterns[name]) for i, name in enumerate(patterns)}
        if self.unpatched is not None:
            for side in SIDES:
                arrays |= {f"{side}.{name}": array for name, array in _side(getattr(self.unpatched, side)).items()}
        return arrays


def entry_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> CacheEntry:
    """Return the entry that these arrays represent, or an empty entry if they are not a valid one."""
    try:
        header = json.loads(arrays["about"].tobytes())
        names = header["names"]
        rows = arrays["values"].astype(np.float64) if names else np.empty((0, 0))
        unpatched = UnpatchedRuns(**{side: _read_side(side, arrays) for side in SIDES}) if header["base"] else None
        patterns = {name: arrays[f"pattern.{i}"].astype(np.float64) for i, name in enumerate(header["patterns"])}
        is_current = header.get("intervals") == code_digest(INTERVAL_SOURCES, INTERVAL_LIBRARIES)
        intervals = _read_intervals(arrays) if is_current else {}
        return CacheEntry(header["engine"], unpatched, dict(zip(names, rows, strict=True)), patterns, intervals)
    except (KeyError, ValueError, TypeError, IndexError):
        return CacheEntry()


def _interval_arrays(intervals: Mapping[bytes, Floats]) -> dict[str, npt.NDArray[Any]]:
    """Return the digests of intervals, and their ends, `interval end`."""
    return {
        "intervals.digests": np.frombuffer(b"".join(intervals), np.uint8).reshape(-1, DIGEST_BYTES),
        "intervals.ends": np.stack(list(intervals.values())),
    }


def _read_intervals(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[bytes, Floats]:
    digests, ends = (arrays[f"intervals.{name}"] for name in ("digests", "ends"))
    return {digest.tobytes(): each for digest, each in zip(digests, ends, strict=True)}


def _side(run: SideRun) -> dict[str, npt.NDArray[Any]]:
    arrays = {part.name: getattr(run, part.name) for part in fields(run)}
    return {name: _narrow(array) if array.dtype == np.float64 else array for name, array in arrays.items()}


def _read_side(side: str, arrays: Mapping[str, npt.NDArray[Any]]) -> SideRun:
    read: dict[str, Any] = {part.name: arrays[f"{side}.{part.name}"] for part in fields(SideRun)}
    return SideRun(
        **{name: array.astype(np.float64) if array.dtype == np.float32 else array for name, array in read.items()}
    )


def _narrow(values: Floats) -> npt.NDArray[Any]:
    """Return the values as float32 if this loses nothing, as is usual for an engine's results, else unchanged."""
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    return narrow if np.array_equal(narrow.astype(np.float64), values) else values


def _text(data: object) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(data).encode(), dtype=np.uint8)


class CachedEngine:
    """An engine for one batch on one model that takes from the cache what an earlier run measured.

    Attributes:
        requested: number of requested measurements: unpatched runs, and rows of quantities.
        cached: how many of them came from the cache.
        intervals: the confidence intervals of earlier runs, and those computed since.
    """

    def __init__(self, create_engine: Callable[[], Engine], store: CacheStore | None, key: str) -> None:
        """Read the cache entry.

        Args:
            create_engine: creates the engine that measures what the entry lacks.
            store: the cache; without one, measurements do not outlive this object.
            key: the key of the entry.
        """
        self._create_engine = create_engine
        self._store = store
        self._key = key
        self._entry = CacheEntry() if store is None else entry_from_arrays(store.read(key))
        self.intervals = IntervalCache(self._entry.intervals)
        self._has_unsaved = False
        self.requested = 0
        self.cached = 0

    @property
    def has_engine(self) -> bool:
        """Return whether an engine was created because the cache lacked a measurement."""
        return "engine" in self.__dict__

    @property
    def name(self) -> str:
        """Return the name of the engine that measured."""
        return self._entry.engine or self.engine.name

    @cached_property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run."""
        self._count(1, 0 if self._entry.unpatched is None else 1)
        if self._entry.unpatched is None:
            self._entry.unpatched = self.engine.unpatched
            self._has_unsaved = True
        return self._entry.unpatched

    def measure(self, quantity: Quantity) -> Floats:
        """Return a quantity, measuring only the rows that the cache lacks; see `Engine.measure`."""
        names = quantity.names()
        if not quantity.by_row:
            return self._array(names[0], lambda: self.engine.measure(quantity))
        return self._by_name(names, lambda rows: self.engine.measure(quantity.select_rows(rows)))

    def save(self) -> None:
        """Write new measurements to the cache, merged with what another process may have written meanwhile."""
        if self._has_unsaved and self._store is not None:
            earlier = entry_from_arrays(self._store.read(self._key))
            entry = self._entry
            merged = CacheEntry(
                self.name,
                entry.unpatched or earlier.unpatched,
                {**earlier.values, **entry.values},
                {**earlier.patterns, **entry.patterns},
                {**earlier.intervals, **entry.intervals},
            )
            self._store.write(self._key, merged.arrays())
            self._has_unsaved = False

    def add_intervals(self) -> None:
        """Move the confidence intervals computed since the last call into the entry, for the next `save`."""
        if self._entry.engine and self.intervals.ends.keys() - self._entry.intervals.keys():
            self._entry.intervals |= self.intervals.ends
            self._has_unsaved = True

    @cached_property
    def engine(self) -> Engine:
        """Return the engine that measures what the cache lacks, creating it on first use."""
        engine = self._create_engine()
        self._entry.engine = self._entry.engine or engine.name
        return engine

    def release_engine(self) -> None:
        """Drop the engine to free its memory; it is created again if something remains to be measured."""
        self.__dict__.pop("engine", None)

    def _by_name(self, names: Sequence[str], measure: Callable[[list[int]], Floats]) -> Floats:
        """Return the values of all names, `name prompt`; `measure` receives the indices that the cache lacks."""
        missing = [i for i, name in enumerate(names) if name not in self._entry.values]
        self._count(len(names), len(names) - len(missing))
        if missing:
            self._entry.values.update(zip((names[i] for i in missing), measure(missing), strict=True))
            self._has_unsaved = True
        return np.stack([self._entry.values[name] for name in names])

    def _array(self, name: str, measure: Callable[[], Floats]) -> Floats:
        """Return the value of a name, whatever its shape."""
        patterns = self._entry.patterns
        self._count(1, name in patterns)
        if name not in patterns:
            patterns[name] = measure()
            self._has_unsaved = True
        return patterns[name]

    def _count(self, requested: int, cached: int) -> None:
        self.requested += requested
        self.cached += cached
