"""What a run measured against a baseline: a paired, corrected test for each check, and which heads mediate.

Prompts are the same, so every prompt is its own control: a paired t-test, two-sided, against a smallest difference that
matters, corrected by Holm over the checks of the baseline. Where the mean stays and single prompts move by more than
rounding, the effect has drifted as well (`agreement.py`). Where values cannot be paired (none are kept for each prompt,
or they are now of another deciding node) intervals must lie apart by as much.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from mi_checks.compare.baseline_record import UPDATE, Baseline, BaselineHeader, RecordedCheck, recorded
from mi_checks.compare.fraction_change import Direction, FractionChange, fraction_change
from mi_checks.compare.mediator_sets import MediatorSetChange, set_change
from mi_checks.compare.paired_change import MATTERS, PromptAgreement, agreement
from mi_checks.output.claim_text import claim_text
from mi_checks.output.numbers import number, precise
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
        if before.claim is not None and now.claim != before.claim:
            unlike[name] = f"recorded for another claim: {claim_text(before.claim)}"
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


NAMED = 12  # checks and heads
BRIEFLY_NAMED = 2  # of both, in the message of the terminal


def unlike_message(unlike: Mapping[str, str], shown: str) -> str:
    """Say that the baseline was recorded for a different set of checks."""
    first, *_ = unlike
    more = f", and {len(unlike) - 1} more" if len(unlike) > 1 else ""
    lines = [f"invalid: {shown} was recorded for a different set of checks: {first}{more}; {UPDATE}"]
    lines += [f"  {name}: {why}" for name, why in list(unlike.items())[:NAMED]]
    return "\n".join(lines)


def drift_message(comparison: BaselineComparison, then: BaselineHeader, now: BaselineHeader, shown: str) -> str:
    """Say what drifted, smallest p-value and largest change first, and which heads stopped or started to mediate."""
    drifts, mediators = comparison.drifts, comparison.mediators
    heads = mediators.signed
    parts = [f"{len(drifts)} of {comparison.compared} effects"] if drifts else []
    parts += [f"mediators {', '.join(heads[:NAMED])}"] if heads else []
    lines = [f"drifted: {'; '.join(parts)}", f"  recorded  {shown}"]
    if then.weights != now.weights:
        of = [f"{each.weights[:12]}{f' ({each.revision})' if each.revision else ''}" for each in (then, now)]
        lines.append(f"  weights   {of[0]} → {of[1]}")
    told = [line for drift in drifts[:NAMED] for line in _drift(drift)]
    told += [f"and {len(drifts) - NAMED} more"] if len(drifts) > NAMED else []
    lines += [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(told)]
    lines += share_lines(mediators, ("lost", "gained", "relative"))
    return "\n".join([*lines, _remedy(comparison)])


def drift_reason(comparison: BaselineComparison) -> str:
    """Return the message's most important lines, for the terminal."""
    drifts, mediators = comparison.drifts, comparison.mediators
    lines = brief_shares(mediators, ("lost", "gained"))
    lines += [_drift(drift)[0] for drift in drifts[:BRIEFLY_NAMED]]
    lines += [f"and {len(drifts) - BRIEFLY_NAMED} more"] if len(drifts) > BRIEFLY_NAMED else []
    return "\n".join([*lines, _remedy(comparison).strip()])


def _remedy(comparison: BaselineComparison) -> str:
    drifts = comparison.drifts
    if drifts and all(drift.better for drift in drifts) and not comparison.mediators.lost:
        return f"  better    than recorded, and a later loss of it would go unseen: {UPDATE}"
    return f"  meant?    {UPDATE}"


def share_lines(change: MediatorSetChange, kinds: Iterable[str], most: int = NAMED) -> list[str]:
    """Return heads of these kinds, each with what it recovers then and now: as a fraction, and in the score's unit.

    Where the effect sizes are known their change comes last, since every fraction is of them.
    """
    lines = [
        f"  {kind if i == 0 else '':<9} {name} {interval_text(before)} → {interval_text(after)}"
        f"{_in_units(change, before, after)}"
        for kind in kinds
        for i, (name, (before, after)) in enumerate(list(getattr(change, kind).items())[:most])
    ]
    if lines and change.effects is not None:
        then, now = change.effects
        lines.append(f"  {'of':<9} clean − corrupt {number(then, 3)} → {number(now, 3)} {change.unit}")
    return lines


def brief_shares(change: MediatorSetChange, kinds: Iterable[str]) -> list[str]:
    """Return `share_lines` of few heads for the terminal, without the effect sizes."""
    return [line.strip() for line in share_lines(replace(change, effects=None), kinds, BRIEFLY_NAMED)]


def _in_units(change: MediatorSetChange, before: Estimate | None, after: Estimate | None) -> str:
    if change.effects is None:
        return ""
    values = zip((before, after), change.effects, strict=True)
    then, now = ("—" if share is None else number(share.value * effect, 3) for share, effect in values)
    return f" ({then} → {now} {change.unit})"


def _drift(drift: Drift) -> list[str]:
    """Return a line on how an effect changed and, for a fraction, a second one with its parts."""
    then, now = drift.then.estimate, drift.now.estimate
    unit = next((each.unit for each in (then, now) if each is not None), "")
    how = "intervals apart" if drift.p_value is None else f"p {drift.p_value:.2g}"
    if drift.prompts is not None:
        how = f"the mean is as recorded, but {drift.prompts.text(unit)}"
    deciding = drift.then.deciding, drift.now.deciding
    node = f" (of {deciding[0]}, now {deciding[1]})" if all(deciding) and deciding[0] != deciding[1] else ""
    lines = [f"{drift.check} {interval_text(then)} → {interval_text(now)} {unit}{node}, {how}"]
    return [*lines, *([] if drift.parts is None else [f"  {drift.parts.text}"])]


def interval_text(estimate: Estimate | None) -> str:
    """Return `0.512 [0.480, 0.551]`, or a dash if there is no estimate."""
    return "—" if estimate is None else precise(estimate)
