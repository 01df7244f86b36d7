"""Other intervals of a mean, to compare with: what a check would gain by them, and on what values."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from mi_checks.engine.base_run import Floats
from mi_checks.stats.bootstrap import ALPHA, bootstrap_weights

Interval = tuple[float, float]


def student(values: Floats) -> Interval:
    """Student's t."""
    error = values.std(ddof=1) / math.sqrt(len(values))
    reach = float(stats.t.isf(ALPHA / 2, len(values) - 1)) * error
    return float(values.mean() - reach), float(values.mean() + reach)


def bootstrap_t(values: Floats) -> Interval:
    """The studentized bootstrap (Efron & Tibshirani 1993, ch. 12.5)."""
    n, mean = len(values), values.mean()
    weights = bootstrap_weights(n)
    means = weights @ values
    spread = np.sqrt(np.maximum(weights @ values**2 - means**2, 0) / (n - 1))
    kept = spread > 1e-12 * max(abs(mean), 1e-300)  # a resample of one value alone has no error
    t = (means[kept] - mean) / spread[kept]
    if not len(t):
        return float(mean), float(mean)
    low, high = np.quantile(t, [ALPHA / 2, 1 - ALPHA / 2])
    error = values.std(ddof=1) / math.sqrt(n)
    return float(mean - high * error), float(mean - low * error)


def accelerated(values: Floats) -> Interval:
    """BCa, bias-corrected and accelerated (Efron 1987)."""
    means = bootstrap_weights(len(values)) @ values
    mean = values.mean()
    below = (means < mean).mean() + (means == mean).mean() / 2
    bias = float(stats.norm.ppf(np.clip(below, 1e-6, 1 - 1e-6)))
    jackknifed = values - mean  # of means without one prompt, up to a factor that cancels
    scale = (jackknifed**2).sum()
    acceleration = float((jackknifed**3).sum() / (6 * scale**1.5)) if scale else 0.0
    ends = bias + stats.norm.ppf([ALPHA / 2, 1 - ALPHA / 2])
    low, high = np.quantile(means, stats.norm.cdf(bias + ends / (1 - acceleration * ends)))
    return float(low), float(high)
