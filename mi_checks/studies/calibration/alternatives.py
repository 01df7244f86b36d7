"""Alternative intervals of a mean, to compare with the bootstrap that checks use."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from mi_checks.engine.readout import Floats
from mi_checks.stats.bootstrap import ALPHA, bootstrap_weights

Interval = tuple[float, float]


def student(values: Floats) -> Interval:
    """Return Student's t interval."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    reach = float(stats.t.isf(ALPHA / 2, len(values) - 1)) * error
    return float(values.mean() - reach), float(values.mean() + reach)


def bootstrap_t(values: Floats) -> Interval:
    """Return the studentized bootstrap interval (Efron & Tibshirani 1993, ch. 12.5)."""
    n, mean = len(values), values.mean()
    weights = bootstrap_weights(n)
    means = weights @ values
    spread = np.sqrt(np.maximum(weights @ values**2 - means**2, 0) / (n - 1))
    has_error = spread > 1e-12 * max(abs(mean), 1e-300)  # a resample of a single value has no standard error
    t = (means[has_error] - mean) / spread[has_error]
    if not len(t):
        return float(mean), float(mean)
    low, high = np.quantile(t, [ALPHA / 2, 1 - ALPHA / 2])
    error = values.std(ddof=1) / math.sqrt(n)
    return float(mean - high * error), float(mean - low * error)


def accelerated(values: Floats) -> Interval:
    """Return the BCa interval, bias-corrected and accelerated (Efron 1987)."""
    means = bootstrap_weights(len(values)) @ values
    mean = values.mean()
    below = (means < mean).mean() + (means == mean).mean() / 2
    bias = float(stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6)))
    jackknifed = values - mean  # means without one prompt, up to a factor that cancels
    scale = (jackknifed**2).sum()
    acceleration = float((jackknifed**3).sum() / (6 * scale**1.5)) if scale else 0.0
    ends = bias + stats.norm.ppf([ALPHA / 2, 1 - ALPHA / 2])
    low, high = np.quantile(means, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)
