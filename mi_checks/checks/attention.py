"""`attention`: the attention of each head from one label to another."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, node_names_of, verdict
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.node_checks import AttentionCheck
from mi_checks.stats.intervals import PROBABILITY, mean_interval
from mi_checks.stats.mean_tests import bound_p_value

WORST_FIRST = ("fail", "inconclusive", "pass")


def check_attention(check: AttentionCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the attention of every head from the last token of `from` to all tokens of `to` in the clean run.

    The claim is about each head, so the verdict is that of the least certain head. This needs no correction for
    multiplicity: all heads pass only if each does, and one head that fails makes the claim false.
    """
    nodes = measured.nodes(check.nodes)
    claim = Claim("attention probability", nodes=node_names_of(nodes), at=check.from_, to=check.to, **bound.sides)
    untestable = _untestable_reason(check, measured)
    if untestable is not None:
        return Verdict("fail", claim, None, bound, untestable)
    verdicts: list[Verdict] = []
    for node in nodes:
        values = measured.measure(AttentionBetweenLabels(node, check.from_, check.to))[0]
        estimate = mean_interval(
            values, "attention probability", measured.design, limits=PROBABILITY, cache=measured.intervals
        )
        p_value = bound_p_value(values, bound, measured.design, limits=PROBABILITY)
        result = verdict(claim, estimate, bound, tuple(values.tolist()), p_value)
        verdicts.append(replace(result, deciding=str(node) if len(nodes) > 1 else ""))
    deciding = min(verdicts, key=lambda v: (WORST_FIRST.index(v.outcome), margin(v)))
    return replace(deciding, p_value=max(each.p_value or 0.0 for each in verdicts))


def _untestable_reason(check: AttentionCheck, measured: Measurements) -> str | None:
    """Return why causal attention is the same for every head on every prompt, or None if it is not."""
    places = zip(measured.batch.positions(check.from_), measured.batch.positions(check.to), strict=True)
    reads = [(set(sources), set(range(destinations[-1] + 1))) for destinations, sources in places]
    if all(sources.isdisjoint(seen) for sources, seen in reads):
        reason = f"{check.to} comes after {check.from_} on every prompt, so no head can attend to it"
        return f"the check tests nothing: {reason}"
    if all(sources >= seen for sources, seen in reads):
        reason = f"{check.to} is everything that a head can attend to from {check.from_} on every prompt"
        return f"the check tests nothing: {reason}"
    return None


def margin(verdict: Verdict) -> float:
    """Return how far the interval is inside the bound, in the estimate's unit; the deciding head has the least."""
    estimate, bound = verdict.estimate, verdict.bound
    if estimate is None:
        return 0.0
    sides = [] if bound.at_least is None else [estimate.low - bound.at_least]
    sides += [] if bound.at_most is None else [bound.at_most - estimate.high]
    return min(sides)
