"""What a run measured against a baseline: a paired, corrected test for each check, and which heads mediate.

Prompts are the same, so every prompt is its own control: a paired t-test, two-sided, against a smallest difference that
matters, corrected by Holm over the checks of the baseline. Where the mean stays and single prompts move by more than
rounding, the effect has drifted as well (`agreement.py`). Where values cannot be paired (none are kept for each prompt,
or they are now of another deciding node) intervals must lie apart by as much.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from mi_checks.compare.agreement import MATTERS, PromptAgreement, agreement
from mi_checks.compare.fractions import Direction, FractionChange, fraction_change
from mi_checks.compare.mediator_sets import MediatorSetChange, set_change
from mi_checks.compare.recorded import Baseline, RecordedCheck, recorded
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import EFFECT_SIZE, PROPORTION, Estimate
from mi_checks.stats.p_values import holm, mean_beyond_p_value


@dataclass(frozen=True)
class Drift:
    """A check that measures another effect than recorded.

    Attributes:
        check: its id.
        then: as recorded.
        now: as measured in this run.
        better: whether it moved to the side that is claimed; None where both sides or neither are, and of a fraction
            whose parts the baseline does not hold. A fraction that rose because clean − corrupt shrank is no better.
        p_value: corrected; None where values could not be paired.
        prompts: how far single prompts are apart, where that and not the mean has drifted; otherwise None.
        parts: of a fraction, what became of its numerator and denominator.
    """

    check: str
    then: RecordedCheck
    now: RecordedCheck
    better: bool | None
    p_value: float | None
    prompts: PromptAgreement | None = None
    parts: FractionChange | None = None


@dataclass(frozen=True)
class BaselineComparison:
    """A run against a baseline.

    Attributes:
        unlike: why some checks are not those recorded, by id: added, taken out, or claiming something else.
        drifts: the checks that drifted, the surest and largest first.
        mediators: which heads no longer mediate, and which now do.
        compared: how many checks were.
    """

    unlike: Mapping[str, str]
    drifts: tuple[Drift, ...]
    mediators: MediatorSetChange
    compared: int

    @property
    def drifted(self) -> bool:
        """Whether anything did."""
        return bool(self.drifts or self.mediators.changed)


def compare(then: Baseline, results: Mapping[str, CheckResult], evidence: Evidence) -> BaselineComparison:
    """Compare what was recorded with what was measured, on the same prompts.

    Args:
        then: the baseline, found valid for this run.
        results: of every check that is no role, by id.
        evidence: what the run measured, with the strongest heads of each sweep.
    """
    unlike = {name: "not recorded yet" for name in results if name not in then.checks}
    unlike |= {name: "recorded, but no longer a check of the file" for name in then.checks if name not in results}
    pairs: list[Drift] = []
    for name, result in results.items():
        if name in unlike:
            continue
        now, before = recorded(result), then.checks[name]
        if now.claim != before.claim:
            unlike[name] = f"recorded for another claim: {before.claim}"
            continue
        parts = _parts(then, before, evidence, now)
        pairs.append(Drift(name, before, now, _better(before, now, result, parts), None, parts=parts))
    paired = [pair for pair in pairs if _paired(pair.then, pair.now)]
    drifts = [
        pair for pair in pairs if not _paired(pair.then, pair.now) and _apart(pair.then.estimate, pair.now.estimate)
    ]
    if paired:
        raw = np.array([_p_value(pair) for pair in paired])
        for pair, corrected in zip(paired, holm(raw), strict=True):
            if corrected < ALPHA:
                drifts.append(replace(pair, p_value=float(corrected)))
            elif (prompts := _agreement(pair)).apart:
                drifts.append(replace(pair, better=None, prompts=prompts))
    drifts.sort(key=lambda drift: (drift.prompts is not None, drift.p_value or 0.0, -_size(drift)))
    sizes = then.effect_sizes, evidence.effect_sizes
    heads = set_change(then.mediators, evidence.mediators, sizes, evidence.logit_diff.unit)
    return BaselineComparison(unlike, tuple(drifts), heads, len(pairs))


def _parts(then: Baseline, before: RecordedCheck, evidence: Evidence, now: RecordedCheck) -> FractionChange | None:
    fractions = (before.per_prompt, now.per_prompt) if before.deciding == now.deciding else ((), ())
    of_all = now.parts is not None and now.parts.of == EFFECT_SIZE
    denominators = (then.effect_sizes, evidence.effect_sizes) if of_all else ((), ())
    return fraction_change(before.parts, now.parts, fractions, denominators, MATTERS)


def _agreement(pair: Drift) -> PromptAgreement:
    unit = "" if pair.then.estimate is None else pair.then.estimate.unit
    then, now = np.array(pair.then.per_prompt), np.array(pair.now.per_prompt)
    return agreement(then, now, yes_or_no=unit == PROPORTION)


def _paired(then: RecordedCheck, now: RecordedCheck) -> bool:
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


def _better(then: RecordedCheck, now: RecordedCheck, result: CheckResult, parts: FractionChange | None) -> bool | None:
    one_sided = (result.at_least is None) != (result.at_most is None)
    if then.estimate is None or now.estimate is None or not one_sided:
        return None
    wanted: Direction = "rose" if result.at_most is None else "fell"
    moved: Direction = "rose" if now.estimate.value > then.estimate.value else "fell"
    if now.parts is None:
        return moved == wanted
    return None if parts is None else moved == wanted and parts.is_gain(wanted)


def _size(drift: Drift) -> float:
    then, now = drift.then.estimate, drift.now.estimate
    return np.inf if then is None or now is None else abs(now.value - then.value) / max(abs(then.value), MATTERS)
