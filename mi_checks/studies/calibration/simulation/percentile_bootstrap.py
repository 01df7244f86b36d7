"""The percentile bootstrap over prompts, which intervals were before: here only, to show what they cost and gain."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats

RESAMPLES, SEED = 1000, 0


@lru_cache(maxsize=8)
def _weights(n: int) -> Floats:
    """Return how often each resample has each prompt, over the number of prompts, `prompt resample`."""
    counts = np.random.default_rng(SEED).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    return np.asarray(counts.T / n)


def percentile_ends(values: Floats) -> tuple[Floats, Floats]:
    """Return the ends of 95 % percentile bootstrap intervals of means, `draw prompt` → `draw`."""
    low, high = np.quantile(values @ _weights(values.shape[1]), [ALPHA_PER_SIDE, 1 - ALPHA_PER_SIDE], axis=1)
    return low, high
