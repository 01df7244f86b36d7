"""What a run measured against a baseline: a paired, corrected test for each check, and which heads mediate.

Prompts are the same, so every prompt is its own control: a paired t-test, two-sided, against a smallest difference that
matters, corrected by Holm over the checks of the baseline. Where values cannot be paired (none are kept for each
prompt, or they are now of another deciding node) intervals must lie apart by as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mi_checks.baselines.mediators import SetChange, set_change
from mi_checks.baselines.recorded import Baseline, Recorded, recorded
from mi_checks.record import CheckResult, Estimate, Mediator
from mi_checks.stats import ALPHA, holm, mean_beyond_p_value

MATTERS = 0.01  # in the effect's own unit, or of the recorded value where that is more; rounding is a twentieth of it


@dataclass(frozen=True)
class Drift:
    """A check that measures another effect than recorded.

    Attributes:
        check: its id.
        then: as recorded.
        now: as measured in this run.
        better: whether it moved to the side that is claimed; None where both sides or neither are.
        p_value: corrected; None where values could not be paired.
    """

    check: str
    then: Recorded
    now: Recorded
    better: bool | None
    p_value: float | None


@dataclass(frozen=True)
class Comparison:
    """A run against a baseline.

    Attributes:
        unlike: why some checks are not those recorded, by id: added, taken out, or claiming something else.
        drifts: the checks that drifted, the surest and largest first.
        mediators: which heads no longer mediate, and which now do.
        compared: how many checks were.
    """

    unlike: Mapping[str, str]
    drifts: tuple[Drift, ...]
    mediators: SetChange
    compared: int

    @property
    def drifted(self) -> bool:
        """Whether anything did."""
        return bool(self.drifts or self.mediators.changed)


def compare(then: Baseline, results: Mapping[str, CheckResult], mediators: tuple[Mediator, ...]) -> Comparison:
    """Compare what was recorded with what was measured, on the same prompts.

    Args:
        then: the baseline, found valid for this run.
        results: of every check that is no role, by id.
        mediators: the strongest heads of each sweep.
    """
    unlike = {name: "not recorded yet" for name in results if name not in then.checks}
    unlike |= {name: "recorded, and no check any more" for name in then.checks if name not in results}
    pairs: list[Drift] = []
    for name, result in results.items():
        if name in unlike:
            continue
        now, before = recorded(result), then.checks[name]
        if now.claim != before.claim:
            unlike[name] = f"recorded of another claim: {before.claim}"
            continue
        pairs.append(Drift(name, before, now, _better(before, now, result), None))
    paired = [pair for pair in pairs if _paired(pair.then, pair.now)]
    drifts = [
        pair for pair in pairs if not _paired(pair.then, pair.now) and _apart(pair.then.estimate, pair.now.estimate)
    ]
    if paired:
        raw = np.array([_p_value(pair) for pair in paired])
        for pair, corrected in zip(paired, holm(raw), strict=True):
            if corrected < ALPHA:
                drifts.append(Drift(pair.check, pair.then, pair.now, pair.better, float(corrected)))
    drifts.sort(key=lambda drift: (drift.p_value or 0.0, -_size(drift)))
    return Comparison(unlike, tuple(drifts), set_change(then.mediators, mediators), len(pairs))


def _paired(then: Recorded, now: Recorded) -> bool:
    both = then.estimate is not None and now.estimate is not None
    same = then.deciding == now.deciding and len(then.per_prompt) == len(now.per_prompt)
    return both and same and len(then.per_prompt) > 1


def _p_value(pair: Drift) -> float:
    change = np.subtract(pair.now.per_prompt, pair.then.per_prompt)
    return mean_beyond_p_value(change, _least(pair.then.estimate))


def _least(then: Estimate | None) -> float:
    return MATTERS if then is None else max(MATTERS, MATTERS * abs(then.value))


def _apart(then: Estimate | None, now: Estimate | None) -> bool:
    """Whether intervals lie apart by what matters; or something can be measured only then, or only now."""
    if then is None or now is None:
        return (then is None) != (now is None)
    return max(now.low - then.high, then.low - now.high) > _least(then)


def _better(then: Recorded, now: Recorded, result: CheckResult) -> bool | None:
    one_sided = (result.at_least is None) != (result.at_most is None)
    if then.estimate is None or now.estimate is None or not one_sided:
        return None
    up = now.estimate.value > then.estimate.value
    return up if result.at_most is None else not up


def _size(drift: Drift) -> float:
    then, now = drift.then.estimate, drift.now.estimate
    return np.inf if then is None or now is None else abs(now.value - then.value) / max(abs(then.value), MATTERS)
