"""A comparison in words: the message of an item that drifted or that cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mi_checks.compare.conditions import UPDATE, BaselineHeader
from mi_checks.compare.mediator_sets import MediatorSetChange
from mi_checks.compare.with_baseline import BaselineComparison, Drift
from mi_checks.stats.estimate import Estimate

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
        lines.append(f"  {'of':<9} clean − corrupt {then:.3f} → {now:.3f} {change.unit}")
    return lines


def brief_shares(change: MediatorSetChange, kinds: Iterable[str]) -> list[str]:
    """Return `share_lines` of few heads for the terminal, without the effect sizes."""
    return [line.strip() for line in share_lines(replace(change, effects=None), kinds, BRIEFLY_NAMED)]


def _in_units(change: MediatorSetChange, before: Estimate | None, after: Estimate | None) -> str:
    if change.effects is None:
        return ""
    values = zip((before, after), change.effects, strict=True)
    then, now = ("—" if share is None else f"{share.value * effect:.3f}" for share, effect in values)
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
    """`0.512 [0.480, 0.551]`, or a dash."""
    if estimate is None:
        return "—"
    value, low, high = (f"{round(number, 3) + 0.0:.3f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
