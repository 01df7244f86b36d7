"""A cache of computed intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from mi_checks.stats.floor import Floats

MAX_CACHED_INTERVALS, DIGEST_BYTES = 100_000, 16


class IntervalCache:
    """The ends of computed intervals, by a digest of everything that they depend on.

    Checks, reports and baselines need the same intervals, and the cache of measurements stores them for later runs:
    if nothing has to be measured, computing intervals takes longer than everything else.

    Attributes:
        ends: lower ends before upper ends, `end estimate`, by digest.
    """

    def __init__(self, ends: Mapping[bytes, Floats] | None = None) -> None:
        """Start with the given ends."""
        self.ends: dict[bytes, Floats] = dict(ends or {})

    def of(self, kind: str, compute: Callable[[], tuple[Floats, Floats]], design: bytes, *arrays: Floats) -> Floats:
        """Return the lower and the upper ends of intervals, `end estimate`.

        Args:
            kind: the kind of estimate.
            compute: computes the lower and the upper ends, each `estimate`, if they are not in the cache.
            design: the digest of how the prompts were drawn.
            arrays: everything else that they depend on.
        """
        digest = hashlib.blake2b(f"{kind} {[array.shape for array in arrays]}".encode(), digest_size=DIGEST_BYTES)
        digest.update(design)
        for array in arrays:
            digest.update(np.ascontiguousarray(array, dtype=np.float64).data)
        key = digest.digest()
        if key not in self.ends:
            if len(self.ends) >= MAX_CACHED_INTERVALS:
                self.ends.clear()
            self.ends[key] = np.stack(compute())
        return self.ends[key]
