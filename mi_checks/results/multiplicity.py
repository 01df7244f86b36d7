"""Many checks in one run: how many of them may have passed by chance, and the correction for all of them together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mi_checks.results.run import CheckResult
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.p_values import holm

NEAR_BOUND_P_VALUE = ALPHA_PER_SIDE / 10  # a pass with a larger p-value is near its bound


@dataclass(frozen=True)
class NearBound:
    """The checks that passed near their bounds.

    Attributes:
        passed: the number of checks that passed a test.
        near: how many of these passed with a p-value of 0.0025 or more.
        false_passes: the number of false passes that are expected among the latter; at most `near`.
    """

    passed: int
    near: int
    false_passes: float


def near_bound(results: Iterable[CheckResult]) -> NearBound | None:
    """Count the passes near the bound, and estimate how many of them are false; None if there are none.

    The p-value of a claim whose truth lies exactly on its bound is uniform, so that the number of such claims is
    estimated from those that are neither passed nor failed: m₀ = (#{0.025 ≤ p < 0.975} + 1) / 0.95. This is the
    estimator of Storey 2002 (JRSS B 64) with the 1 that makes it conservative in small samples (Storey, Taylor &
    Siegmund 2004, JRSS B 66). It is restricted to p < 0.975 because bounds are one-sided: a claim that is far from true
    has a p-value near 1 and cannot pass by accident. True claims with too few prompts are counted, too, so that m₀ is
    on average too large. The expected number of false passes with 0.0025 ≤ p < 0.025 is 0.0225 m₀.

    The estimate says nothing about checks that are no longer in the files because they did not pass, or whose bounds
    were moved until they did.

    Args:
        results: the results of a run; those without a p-value are left out.
    """
    tested = [(each.p_value, each.outcome) for each in results if each.p_value is not None]
    passes = [p for p, outcome in tested if outcome == "pass"]
    near = sum(p >= NEAR_BOUND_P_VALUE for p in passes)
    if near == 0:
        return None
    undecided = sum(ALPHA_PER_SIDE <= p < 1 - ALPHA_PER_SIDE for p, outcome in tested if outcome != "pass")
    on_bound = (undecided + 1) / (1 - 2 * ALPHA_PER_SIDE)
    return NearBound(len(passes), near, min((ALPHA_PER_SIDE - NEAR_BOUND_P_VALUE) * on_bound, float(near)))


def familywise_p_values(results: Iterable[CheckResult]) -> dict[str, float]:
    """Return the p-values of all checks of a run, corrected together by Holm's method, by node id.

    Checks without a p-value are left out: roles, comparisons with random circuits, with baselines and with the
    reference model, and checks that could not be measured.
    """
    tested = {each.node_id: each.p_value for each in results if each.p_value is not None}
    return dict(zip(tested, holm(np.array(list(tested.values()), dtype=float)).tolist(), strict=True))
