"""A cache entry: the measurements of one batch on one model, and their representation as arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from mi_checks.cache.key import RESAMPLING, RESAMPLING_WITH, code
from mi_checks.engine.readout import BaseRun, Floats, SideRun
from mi_checks.stats.bootstrap import DIGEST_BYTES

SIDES = ("clean", "corrupt")


@dataclass
class Entry:
    """The measurements of one batch on one model by one engine.

    Attributes:
        engine: the name of the engine that measured; "" if nothing has been measured yet.
        base: the clean and the corrupted run.
        values: measurement name → result of an intervention or an attention probability, `prompt`.
        patterns: measurement name → result with another shape, such as attention in one prompt, `destination source`.
        intervals: digest → ends of their confidence intervals, as in `IntervalCache`; valid only for the current
            version of the resampling code.
    """

    engine: str = ""
    base: BaseRun | None = None
    values: dict[str, Floats] = field(default_factory=dict)
    patterns: dict[str, Floats] = field(default_factory=dict)
    intervals: dict[bytes, Floats] = field(default_factory=dict)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return the entry as arrays, from which `entry_of` makes an equal entry."""
        names = sorted(self.values)
        patterns = sorted(self.patterns)
        about = {
            "engine": self.engine, "names": names, "patterns": patterns, "base": self.base is not None,
            "resampling": code(RESAMPLING, RESAMPLING_WITH) if self.intervals else "",
        }  # fmt: skip
        arrays = {"about": _text(about)}
        if self.intervals:
            arrays |= _interval_arrays(self.intervals)
        if names:
            arrays["values"] = _narrow(np.stack([self.values[name] for name in names]))
        arrays |= {f"pattern.{place}": _narrow(self.patterns[name]) for place, name in enumerate(patterns)}
        if self.base is not None:
            for side in SIDES:
                arrays |= {f"{side}.{name}": array for name, array in _side(getattr(self.base, side)).items()}
        return arrays


def entry_of(arrays: Mapping[str, npt.NDArray[Any]]) -> Entry:
    """Return the entry that was written as these arrays, or an empty entry if they are not a valid entry."""
    try:
        about = json.loads(arrays["about"].tobytes())
        names = about["names"]
        rows = arrays["values"].astype(np.float64) if names else np.empty((0, 0))
        base = BaseRun(**{side: _read_side(side, arrays) for side in SIDES}) if about["base"] else None
        patterns = {name: arrays[f"pattern.{place}"].astype(np.float64) for place, name in enumerate(about["patterns"])}
        known = about.get("resampling") == code(RESAMPLING, RESAMPLING_WITH)
        intervals = _read_intervals(arrays) if known else {}
        return Entry(about["engine"], base, dict(zip(names, rows, strict=True)), patterns, intervals)
    except (KeyError, ValueError, TypeError, IndexError):
        return Entry()


def _interval_arrays(intervals: Mapping[bytes, Floats]) -> dict[str, npt.NDArray[Any]]:
    """Return digests, the number of intervals behind each, and the ends: for each digest all lower, then all upper."""
    ends = list(intervals.values())
    return {
        "intervals.digests": np.frombuffer(b"".join(intervals), np.uint8).reshape(-1, DIGEST_BYTES),
        "intervals.counts": np.array([each.shape[1] for each in ends]),
        "intervals.ends": np.concatenate([each.ravel() for each in ends]),
    }


def _read_intervals(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[bytes, Floats]:
    digests, counts, ends = (arrays[f"intervals.{name}"] for name in ("digests", "counts", "ends"))
    parts = np.split(ends, 2 * np.cumsum(counts)[:-1])
    return {digest.tobytes(): part.reshape(2, -1) for digest, part in zip(digests, parts, strict=True)}


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
