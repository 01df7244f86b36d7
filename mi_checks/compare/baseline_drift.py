"""A run against a baseline: which checks have drifted, which heads mediate, and the message that says so.

Every check is compared as `paired_change` does it, with the margin `change_margin`, and corrected by Holm over the
checks of the baseline. An effect has also drifted if its mean stayed and single prompts moved by more than rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from mi_checks.compare.baseline_record import (
    RECORD_AGAIN,
    UPDATE,
    Baseline,
    BaselineHeader,
    recorded_check,
    recorded_claim,
)
from mi_checks.compare.fraction_change import FractionChange, favoured_direction, fraction_change, is_better
from mi_checks.compare.margins import MIN_CHANGE, change_margin
from mi_checks.compare.mediator_sets import MediatorSetChange, mediator_set_change
from mi_checks.compare.paired_change import PairedChange, PromptAgreement, change_between, with_holm_correction
from mi_checks.output.claim_text import claim_text
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.numbers import number, precise
from mi_checks.output.unit_text import unit_text
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult
from mi_checks.stats.estimate import Estimate, Refusal
from mi_checks.stats.sampling import SamplingDesign


@dataclass(frozen=True)
class Drift:
    """A check whose effect is not the recorded one.

    Attributes:
        check: its id.
        change: from the recorded measurement to this run's, with its p-value corrected over the checks.
        better: whether it moved in the claim's favour; None if the claim favours neither direction, or if it is a
            fraction whose parts the baseline does not store. A fraction that rose because clean − corrupt shrank is
            not better.
        prompts: how far single prompts are apart, if they and not the mean have drifted; otherwise None.
        parts: of a fraction, how its numerator and denominator changed.
    """

    check: str
    change: PairedChange
    better: bool | None
    prompts: PromptAgreement | None = None
    parts: FractionChange | None = None

    @property
    def p_value(self) -> float | None:
        """Corrected; None if the mean has not drifted, or if there was nothing to test."""
        return self.change.p_value if self.change.is_significant else None

    @property
    def size(self) -> float:
        """How far the value moved, relative to the recorded one."""
        then, now = self.change.before.estimate, self.change.after.estimate
        if then is None or now is None:
            return math.inf
        return abs(now.value - then.value) / max(abs(then.value), MIN_CHANGE)


@dataclass(frozen=True)
class BaselineComparison:
    """The comparison of a run with a baseline.

    Attributes:
        mismatches: why a check is not the recorded one, by id: it was added, removed, or claims something else.
        drifts: the checks that drifted, most significant and largest first.
        mediators: which heads no longer mediate, and which now do.
        compared: the number of checks compared.
        refused: of the other checks whose numbers are not the recorded ones, why they have no interval, by id.
        design: how the prompts were drawn.
    """

    mismatches: Mapping[str, str]
    drifts: tuple[Drift, ...]
    mediators: MediatorSetChange
    compared: int
    refused: Mapping[str, Refusal]
    design: SamplingDesign

    @property
    def drifted(self) -> bool:
        """Whether any effect or the set of mediators changed."""
        return bool(self.drifts or self.mediators.changed)


def compare_with_baseline(then: Baseline, results: Mapping[str, CheckResult], evidence: Evidence) -> BaselineComparison:
    """Compare what was recorded with what was measured, on the same prompts.

    Args:
        then: the baseline, which must be comparable with this run.
        results: the results of all checks except roles, by id.
        evidence: the run's evidence of this behaviour, with the strongest heads of each sweep.
    """
    mismatches = find_mismatches(then, results)
    pairs: dict[str, PairedChange] = {}
    design = evidence.effect.design
    for name, result in results.items():
        if name not in mismatches:
            before = then.checks[name]
            pairs[name] = change_between(before, recorded_check(result), change_margin(before.estimate), design)
    sizes = then.effect_sizes, evidence.effect_sizes
    drifts = [
        drift
        for name, change in zip(pairs, with_holm_correction(tuple(pairs.values())), strict=True)
        if (drift := _drift(name, change, results[name], sizes)) is not None
    ]
    drifts.sort(key=lambda drift: (drift.prompts is not None, drift.p_value or 0.0, -drift.size))
    heads = mediator_set_change(then.mediators, evidence.mediators, sizes, evidence.logit_diff.unit)
    refused = {
        name: change.refusal
        for name, change in pairs.items()
        if change.refusal is not None and not change.is_same_number and name not in {each.check for each in drifts}
    }
    return BaselineComparison(mismatches, tuple(drifts), heads, len(pairs), refused, design)


def find_mismatches(then: Baseline, results: Mapping[str, CheckResult]) -> dict[str, str]:
    """Return why a check is not the recorded one, by id: it was added, removed, or claims something else."""
    mismatches = {name: "not recorded yet" for name in results if name not in then.checks}
    mismatches |= {name: "recorded, but no longer a check of the file" for name in then.checks if name not in results}
    for name, result in results.items():
        recorded = then.checks.get(name)
        if recorded is not None and recorded.claim is not None and recorded_claim(result) != recorded.claim:
            mismatches[name] = f"recorded for another claim: {claim_text(recorded.claim)}"
    return mismatches


def _drift(
    name: str, change: PairedChange, result: CheckResult, sizes: tuple[tuple[float, ...], tuple[float, ...]]
) -> Drift | None:
    if change.is_significant:
        parts = fraction_change(change, sizes)
        return Drift(name, change, is_better(change, favoured_direction(result), parts), parts=parts)
    if change.prompts is not None and change.prompts.exceeds_rounding:
        return Drift(name, change, None, prompts=change.prompts, parts=fraction_change(change, sizes))
    measured_once = (change.before.estimate is None) != (change.after.estimate is None)
    return Drift(name, change, None) if measured_once else None


LABELS = {"only_denominator_changed": "relative"}  # the other lists of heads are labelled by their field's name
MAX_NAMED = 12  # checks, and heads, in a full message
MAX_NAMED_IN_TERMINAL = 2  # checks, and heads, in the terminal


def mismatch_message(mismatches: Mapping[str, str], shown: str) -> str:
    """Say that the baseline was recorded for a different set of checks."""
    first, *_ = mismatches
    more = f", and {len(mismatches) - 1} more" if len(mismatches) > 1 else ""
    lines = [f"invalid: {shown} was recorded for a different set of checks: {first}{more}; {UPDATE}"]
    lines += [f"  {name}: {why}" for name, why in list(mismatches.items())[:MAX_NAMED]]
    return "\n".join(lines)


def drift_message(comparison: BaselineComparison, then: BaselineHeader, now: BaselineHeader, shown: str) -> str:
    """Say what drifted, smallest p-value and largest change first, and which heads stopped or started to mediate."""
    drifts, mediators = comparison.drifts, comparison.mediators
    heads = mediators.with_signs
    parts = [f"{len(drifts)} of {comparison.compared} effects"] if drifts else []
    parts += [f"mediators {', '.join(heads[:MAX_NAMED])}"] if heads else []
    lines = [f"drifted: {'; '.join(parts)}", f"  recorded  {shown}"]
    lines.append(f"  compared  {unit_text(comparison.design)}")
    if then.weights != now.weights:
        weights = [f"{each.weights[:12]}{f' ({each.revision})' if each.revision else ''}" for each in (then, now)]
        lines.append(f"  weights   {weights[0]} → {weights[1]}")
    drift_lines = [line for drift in drifts[:MAX_NAMED] for line in _drift_lines(drift)]
    drift_lines += [f"and {len(drifts) - MAX_NAMED} more"] if len(drifts) > MAX_NAMED else []
    lines += [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(drift_lines)]
    lines += mediator_lines(mediators, ("lost", "gained", "only_denominator_changed"))
    return "\n".join([*lines, *_refusal_lines(comparison), _remedy(comparison)])


def refusal_message(comparison: BaselineComparison, shown: str) -> str:
    """Say that nothing drifted, and that it is not known whether some of the checks did."""
    first, *others = comparison.refused
    more = f" and {len(others)} more" if others else ""
    head = f"inconclusive: {first}{more} cannot be compared with the recorded value without an interval"
    return "\n".join([head, f"  recorded  {shown}", *_refusal_lines(comparison)])


def _refusal_lines(comparison: BaselineComparison) -> list[str]:
    refused = list(comparison.refused.items())[:MAX_NAMED]
    return [f"  {'untested' if i == 0 else '':<9} {name}: {refusal_text(why)}" for i, (name, why) in enumerate(refused)]


def drift_reason(comparison: BaselineComparison) -> str:
    """Return the message's most important lines, for the terminal."""
    drifts, mediators = comparison.drifts, comparison.mediators
    lines = brief_mediator_lines(mediators, ("lost", "gained"))
    lines += [_drift_lines(drift)[0] for drift in drifts[:MAX_NAMED_IN_TERMINAL]]
    lines += [f"and {len(drifts) - MAX_NAMED_IN_TERMINAL} more"] if len(drifts) > MAX_NAMED_IN_TERMINAL else []
    return "\n".join([*lines, _remedy(comparison).strip()])


def _remedy(comparison: BaselineComparison) -> str:
    drifts = comparison.drifts
    if drifts and all(drift.better for drift in drifts) and not comparison.mediators.lost:
        return f"  better    than recorded; {RECORD_AGAIN}, or a later loss goes unnoticed"
    return f"  intended? {RECORD_AGAIN}"


def mediator_lines(change: MediatorSetChange, kinds: Iterable[str], most: int = MAX_NAMED) -> list[str]:
    """Return the heads of these kinds, each with what it recovered then and now: a fraction, and in the score's unit.

    The change of the effect size comes last, if it is known, because every fraction is of it.
    """
    lines = [
        f"  {LABELS.get(kind, kind) if i == 0 else '':<9} {name} {interval_text(before)} → {interval_text(after)}"
        f"{_in_units(change, before, after)}"
        for kind in kinds
        for i, (name, (before, after)) in enumerate(list(getattr(change, kind).items())[:most])
    ]
    if lines and change.effects is not None:
        then, now = change.effects
        lines.append(f"  {'of':<9} clean − corrupt {number(then, 3)} → {number(now, 3)} {change.unit}")
    return lines


def brief_mediator_lines(change: MediatorSetChange, kinds: Iterable[str]) -> list[str]:
    """Return the lines of the first few heads for the terminal, without the effect sizes."""
    return [line.strip() for line in mediator_lines(replace(change, effects=None), kinds, MAX_NAMED_IN_TERMINAL)]


def _in_units(change: MediatorSetChange, before: Estimate | None, after: Estimate | None) -> str:
    if change.effects is None:
        return ""
    values = zip((before, after), change.effects, strict=True)
    then, now = ("—" if fraction is None else number(fraction.value * effect, 3) for fraction, effect in values)
    return f" ({then} → {now} {change.unit})"


def _drift_lines(drift: Drift) -> list[str]:
    """Return a line on how an effect changed and, for a fraction, a second one with its parts."""
    then, now = drift.change.before.estimate, drift.change.after.estimate
    unit = next((each.unit for each in (then, now) if each is not None), "")
    if drift.prompts is not None:
        how = f"the mean did not change significantly, but {drift.prompts.text(unit)}"
    elif drift.p_value is None:
        how = "it can no longer be measured" if now is None else "it could not be measured when recorded"
    else:
        how = f"p {drift.p_value:.2g}{' from the two intervals' if drift.change.evidence == 'independent' else ''}"
    deciding = drift.change.before.deciding, drift.change.after.deciding
    node = f" (of {deciding[0]}, now {deciding[1]})" if all(deciding) and deciding[0] != deciding[1] else ""
    lines = [f"{drift.check} {interval_text(then)} → {interval_text(now)} {unit}{node}, {how}"]
    return [*lines, *([] if drift.parts is None else [f"  {drift.parts.text}"])]


def interval_text(estimate: Estimate | None) -> str:
    """Return `0.512 [0.480, 0.551]`, or a dash if there is no estimate."""
    return "—" if estimate is None else precise(estimate)
