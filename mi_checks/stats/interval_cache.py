"""A cache of computed intervals."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import numpy as np

from mi_checks.stats.floor import Floats

MAX_CACHED_INTERVALS, DIGEST_BYTES = 100_000, 16


class IntervalCache:
    """The ends of computed intervals, by a digest of everything that they depend on.

    Checks, reports and baselines need the same intervals, alone or among others, and the cache of measurements stores
    them for later runs: if nothing has to be measured, computing intervals takes longer than everything else.

    Attributes:
        ends: the lower and the upper end of each interval, by digest.
    """

    def __init__(self, ends: Mapping[bytes, Floats] | None = None) -> None:
        """Start with the given ends."""
        self.ends: dict[bytes, Floats] = dict(ends or {})

    def of(
        self,
        kind: str,
        compute: Callable[[Floats], tuple[Floats, Floats]],
        design: bytes,
        values: Floats,
        *shared: Floats,
    ) -> Floats:
        """Return the lower and the upper ends of intervals, `end estimate`.

        Args:
            kind: the kind of estimate.
            compute: computes the lower and the upper ends, each `estimate`, of those values that are not in the cache.
            design: the digest of how the prompts were drawn.
            values: `estimate prompt`; no interval may depend on the values of another.
            shared: everything else that they depend on.
        """
        about = hashlib.blake2b(f"{kind} {[array.shape for array in shared]}".encode(), digest_size=DIGEST_BYTES)
        about.update(design)
        for array in shared:
            about.update(np.ascontiguousarray(array, dtype=np.float64).data)
        keys = []
        for row in np.ascontiguousarray(values, dtype=np.float64):
            digest = about.copy()
            digest.update(row.data)
            keys.append(digest.digest())
        found = {key: self.ends[key] for key in keys if key in self.ends}
        missing = {key: place for place, key in enumerate(keys) if key not in found}
        if missing:
            new = dict(zip(missing, np.stack(compute(values[list(missing.values())]), axis=1), strict=True))
            if len(self.ends) + len(new) > MAX_CACHED_INTERVALS:
                self.ends.clear()
            self.ends |= new
            found |= new
        return np.array([found[key] for key in keys]).reshape(-1, 2).T
