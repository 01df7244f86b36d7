"""The percentile bootstrap over prompts: its weights, and a cache of intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np

from mi_checks.stats.floor import Floats

CONFIDENCE = 0.95
ALPHA = 1 - CONFIDENCE
RESAMPLES = 4000
RESAMPLES_AT_ONCE = 64
PERCENTILES = (ALPHA / 2, 1 - ALPHA / 2)
MAX_CACHED_INTERVALS, DIGEST_BYTES = 100_000, 16


class IntervalCache:
    """The ends of computed intervals, by a digest of everything that they depend on.

    Checks, reports and baselines need the same intervals, and the cache of measurements stores them for later runs:
    if nothing has to be measured, resampling takes longer than everything else.

    Attributes:
        ends: lower ends before upper ends, `end estimate`, by digest.
    """

    def __init__(self, ends: Mapping[bytes, Floats] | None = None) -> None:
        """Start with the given ends."""
        self.ends: dict[bytes, Floats] = dict(ends or {})

    def of(self, kind: str, resample: Callable[[], Floats], *arrays: Floats) -> Floats:
        """Return the lower and the upper ends of intervals, `end estimate`.

        Args:
            kind: the kind of estimate.
            resample: computes the resampled estimates, `estimate resample`, if they are not in the cache.
            arrays: everything that they depend on.
        """
        digest = hashlib.blake2b(f"{kind} {[array.shape for array in arrays]}".encode(), digest_size=DIGEST_BYTES)
        for array in arrays:
            digest.update(np.ascontiguousarray(array, dtype=np.float64).data)
        key = digest.digest()
        if key not in self.ends:
            if len(self.ends) >= MAX_CACHED_INTERVALS:
                self.ends.clear()
            self.ends[key] = np.quantile(resample(), PERCENTILES, axis=1)
        return self.ends[key]


@lru_cache(maxsize=64)
def bootstrap_weights(n: int) -> Floats:
    """Return bootstrap weights, `resample prompt`, rows summing to one; the same for every estimate over n prompts."""
    drawn = np.random.default_rng(n).integers(n, size=(RESAMPLES, n))
    weights = np.empty((RESAMPLES, n))
    for first in range(0, RESAMPLES, RESAMPLES_AT_ONCE):  # all at once exceed the processor's caches: 7 times slower
        some = drawn[first : first + RESAMPLES_AT_ONCE]
        places = some + n * np.arange(len(some))[:, None]
        weights[first : first + RESAMPLES_AT_ONCE] = np.bincount(places.ravel(), minlength=some.size).reshape(
            some.shape
        )
    weights /= n
    return weights
