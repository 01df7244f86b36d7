"""p-values of two estimates, and the correction for multiple tests."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri  # scipy.stats takes a second to import

from mi_checks.stats.estimate import ALPHA, Estimate
from mi_checks.stats.floor import Floats


def independent_difference(before: Estimate, after: Estimate, margin: float = 0.0) -> tuple[Estimate, float]:
    """Return after − before and the p-value of H0 «it is within ± margin», treating the two as independent.

    Each end of the difference lies the root of the squares of the two facing half-widths away (Zou & Donner 2008,
    Statistics in Medicine 27). For the same prompts this is conservative; a paired test is more powerful if values per
    prompt are available.

    Args:
        before: the earlier estimate.
        after: the later one.
        margin: the largest absolute difference that does not matter; zero or more.
    """
    change = after.value - before.value
    below = math.hypot(after.value - after.low, before.high - before.value)
    above = math.hypot(after.high - after.value, before.value - before.low)
    refusal = after.refusal or before.refusal
    low, high = (change, change) if refusal else (change - below, change + above)
    n, clustered = min(before.n, after.n), after if after.clusters is not None else before
    estimate = Estimate(
        *(change, low, high, n, after.unit, "of two intervals"),
        clusters=clustered.clusters,
        clustered_by=clustered.clustered_by,
        refusal=refusal,
    )
    beyond = abs(change) - margin
    if beyond <= 0 or refusal is not None:
        return estimate, 1.0
    error = (below if change > 0 else above) / -float(ndtri(ALPHA / 2))
    return estimate, 0.0 if error == 0 else float(2 * ndtr(-beyond / error))


def prompts_for_significance(p_value: float, n: int, comparisons: int) -> int | None:
    """Return about how many prompts would make a difference of this size significant among several.

    The distance from zero in standard errors grows with √n, and the first step of Holm's method requires
    `ALPHA / comparisons`. None if the mean is within a twentieth of a standard error of zero: no number is enough.
    """
    distance = -float(ndtri(p_value / 2))
    if distance < 0.05:
        return None
    return math.ceil(1.1 * n * (-float(ndtri(ALPHA / comparisons / 2)) / distance) ** 2)


def holm(p_values: Floats) -> Floats:
    """Return p-values adjusted by Holm's step-down method (Holm 1979).

    They control the family-wise error rate under any dependence between the tests. Each caller corrects its own family:
    the nodes of a `mediators` check (`checks.mediators`), the nodes or edges of a `minimal` claim (`checks.minimality`,
    `checks.edge_circuit`), the changes of one comparison (`compare.paired_change`), the nodes that a failure message or
    a discovery tests (`suite.failure_message`, `studies.discovery.node_effects`), and the checkpoints of an emergence
    table (`studies.emergence.appearance`).
    """
    order = np.argsort(p_values)
    m = len(p_values)
    stepped = np.maximum.accumulate((m - np.arange(m)) * p_values[order])
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(stepped, 1.0)
    return adjusted
