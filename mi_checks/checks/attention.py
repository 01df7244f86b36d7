"""`attention`: where each of the heads looks from one label."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, named, verdict
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.node_checks import AttentionCheck
from mi_checks.stats.intervals import mean_interval

WORST_FIRST = ("fail", "inconclusive", "pass")


def check_attention(check: AttentionCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Attention from the last token of `from` to all tokens of `to` in the clean run, of every head.

    The claim is about each head, and the verdict that of the least certain: that all pass where each does needs no
    correction, and one that surely fails makes the claim false.
    """
    nodes = measured.nodes(check.nodes)
    claim = Claim("attention probability", nodes=named(nodes), at=check.from_, to=check.to, **bound.sides)
    always = _of_every_head(check, measured)
    if always is not None:
        return Verdict("fail", claim, None, bound, always)
    verdicts: list[Verdict] = []
    for node in nodes:
        values = measured.measure(AttentionBetweenLabels(node, check.from_, check.to))[0]
        judged = verdict(
            claim, mean_interval(values, "attention probability", measured.intervals), bound, tuple(values.tolist())
        )
        verdicts.append(replace(judged, deciding=str(node) if len(nodes) > 1 else ""))
    return min(verdicts, key=lambda v: (WORST_FIRST.index(v.outcome), room(v)))


def _of_every_head(check: AttentionCheck, measured: Measurements) -> str | None:
    """Return why causal attention is the same for every head on every prompt, or None where it is not."""
    places = zip(measured.batch.positions(check.from_), measured.batch.positions(check.to), strict=True)
    reads = [(set(sources), set(range(destinations[-1] + 1))) for destinations, sources in places]
    if all(sources.isdisjoint(seen) for sources, seen in reads):
        return f"nothing is shown: {check.to} stands behind {check.from_} on every prompt, where no head can look"
    if all(sources >= seen for sources, seen in reads):
        return f"nothing is shown: {check.to} is all that a head can look at from {check.from_}, on every prompt"
    return None


def room(verdict: Verdict) -> float:
    """How far the interval is inside the bound; the deciding head has the least."""
    estimate, bound = verdict.estimate, verdict.bound
    if estimate is None:
        return 0.0
    sides = [] if bound.at_least is None else [estimate.low - bound.at_least]
    sides += [] if bound.at_most is None else [bound.at_most - estimate.high]
    return min(sides)
