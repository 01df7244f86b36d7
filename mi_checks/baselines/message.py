"""A comparison in words: the message of an item that drifted or that cannot be compared."""

from __future__ import annotations

from collections.abc import Mapping

from mi_checks.baselines.compare import Comparison, Drift
from mi_checks.baselines.header import UPDATE, Header
from mi_checks.baselines.mediators import Shares
from mi_checks.record import Estimate

NAMED = 12  # checks and heads


def unlike_message(unlike: Mapping[str, str], shown: str) -> str:
    """That the baseline and the file are out of step."""
    first, *_ = unlike
    more = f", and {len(unlike) - 1} more" if len(unlike) > 1 else ""
    lines = [f"invalid: {shown} is not of the checks that the file has now: {first}{more}; {UPDATE}"]
    lines += [f"  {name}: {why}" for name, why in list(unlike.items())[:NAMED]]
    return "\n".join(lines)


def drift_message(comparison: Comparison, then: Header, now: Header, shown: str) -> str:
    """What drifted, the surest and largest first; heads that mediate no more, and those that now do."""
    drifts = comparison.drifts
    heads = comparison.mediators.signed
    parts = [f"{len(drifts)} of {comparison.compared} effects"] if drifts else []
    parts += [f"mediators {', '.join(heads[:NAMED])}"] if heads else []
    lines = [f"drifted: {'; '.join(parts)}", f"  recorded  {shown}"]
    if then.weights != now.weights:
        of = [f"{each.weights[:12]}{f' ({each.revision})' if each.revision else ''}" for each in (then, now)]
        lines.append(f"  weights   {of[0]} → {of[1]}")
    lines += [f"  {'because' if i == 0 else '':<9} {_drift(drift)}" for i, drift in enumerate(drifts[:NAMED])]
    lines += [f"            and {len(drifts) - NAMED} more"] if len(drifts) > NAMED else []
    lines += share_lines("lost", comparison.mediators.lost) + share_lines("gained", comparison.mediators.gained)
    better = bool(drifts) and all(drift.better for drift in drifts) and not comparison.mediators.lost
    lines.append(
        f"  {'better' if better else 'meant?':<9} "
        + (f"than recorded, and a later loss of it would go unseen: {UPDATE}" if better else UPDATE)
    )
    return "\n".join(lines)


def share_lines(title: str, shares: Shares) -> list[str]:
    """Heads with their shares then and now; nothing where there are none."""
    return [
        f"  {title if i == 0 else '':<9} {name} {interval_text(before)} → {interval_text(after)}"
        for i, (name, (before, after)) in enumerate(list(shares.items())[:NAMED])
    ]


def _drift(drift: Drift) -> str:
    then, now = drift.then.estimate, drift.now.estimate
    unit = f" {(then or now).unit}" if then or now else ""  # type: ignore[union-attr]
    how = "intervals apart" if drift.p_value is None else f"p {drift.p_value:.2g}"
    moved = drift.then.deciding != drift.now.deciding
    node = f" (of {drift.then.deciding}, now {drift.now.deciding})" if moved else ""
    return f"{drift.check} {interval_text(then)} → {interval_text(now)}{unit}{node}, {how}"


def interval_text(estimate: Estimate | None) -> str:
    """`0.512 [0.480, 0.551]`, or a dash."""
    if estimate is None:
        return "—"
    value, low, high = (f"{round(number, 3) + 0.0:.3f}" for number in (estimate.value, estimate.low, estimate.high))
    return f"{value} [{low}, {high}]"
