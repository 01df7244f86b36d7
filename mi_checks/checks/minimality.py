"""Minimality: every node of a circuit matters, alone or once a redundant node is removed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.checks.verdict import Verdict, node_names_of
from mi_checks.engine.nodes import Node
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.problems import comma_list
from mi_checks.stats.estimate import ALPHA, Outcome
from mi_checks.stats.floor import Floats
from mi_checks.stats.mean_tests import ratio_p_values
from mi_checks.stats.p_values import holm
from mi_checks.stats.refusals import too_few_for_family


@dataclass(frozen=True)
class _Removal:
    """The removal of a node from a circuit from which another may already be removed.

    Attributes:
        node: the removed node.
        without: the node that was removed before, or None.
        change: m(C∖without) − m(C∖without∖node), `prompt`.
    """

    node: Node
    without: Node | None
    change: Floats


def check_minimality(bound: Bound, circuits: CircuitScores, members: Sequence[Node]) -> Verdict:
    """Judge that for every node v there is a K, empty or one other node, with f(C∖K) − f(C∖K∖v) above the bound.

    After Wang et al. 2022 (section 4), K being at most one node. One-sided tests of each node with each K, corrected by
    Bonferroni over its K and by Holm over the nodes. A node that matters only once another is removed is redundant with
    it, and the detail says so.

    Raises:
        NoEffectSize: as `CircuitScores.require_span`.
    """
    circuits.require_span()
    span = circuits.span
    removals = _removals(circuits, members)
    least = bound.at_least if bound.at_least is not None else 0.0
    changes, tests = np.stack([each.change for each in removals]), len(removals)
    above, below = ratio_p_values(changes, span, least, circuits.design, tests)
    matters, idle = np.empty(len(members)), np.empty(len(members))
    best: list[int] = []
    for place, node in enumerate(members):
        own = [i for i, each in enumerate(removals) if each.node == node]
        best.append(min(own, key=lambda i: above[i]))
        matters[place] = min(1.0, len(own) * above[own].min())
        idle[place] = below[own].max()  # it matters for no K
    supports, contradicts = holm(matters), holm(idle)
    wrong = [i for i in range(len(members)) if contradicts[i] < ALPHA / 2]
    unsure = [i for i in range(len(members)) if supports[i] >= ALPHA / 2 and i not in wrong]
    refusal = too_few_for_family(circuits.design, tests)
    if refusal is not None:
        wrong, unsure = [], list(range(len(members)))  # no test holds
    outcome: Outcome = "fail" if wrong else "inconclusive" if unsure else "pass"
    deciding = int(np.argmin(contradicts) if wrong else np.argmax(supports))
    shown = removals[best[deciding]]
    alone = {each.node: place for place, each in enumerate(removals) if each.without is None}
    redundant = [
        f"{members[i]} with {removals[best[i]].without}"
        for i in range(len(members))
        if i not in wrong and removals[best[i]].without is not None and above[alone[members[i]]] >= ALPHA / 2
    ]
    detail = f"Bonferroni over the node removed before, Holm over {len(members)} nodes"
    detail += (
        f"; redundant pairs, each node mattering once the other is removed: {'; '.join(redundant)}" if redundant else ""
    )
    claim = Claim("minimality", nodes=node_names_of(members), at_least=least)
    reason = [] if refusal is None else [refusal_text(refusal)]
    if wrong:
        reason.append(f"not needed: {comma_list(members[i] for i in wrong)}")
    if unsure and refusal is None:
        reason.append(f"too close to the bound to decide: {comma_list(members[i] for i in unsure)}")
    values = tuple((shown.change / span.mean()).tolist())
    estimate = circuits.fraction(shown.change)
    return Verdict(
        outcome,
        claim,
        estimate if refusal is None else replace(estimate, refusal=refusal),
        bound,
        "\n".join(reason),
        values,
        deciding=str(members[deciding]),
        detail=detail,
        p_value=float(supports.max()),
        parts=circuits.parts(shown.change),
    )


def _removals(circuits: CircuitScores, members: Sequence[Node]) -> list[_Removal]:
    pairs = [(node, other) for node in members for other in (None, *members) if other != node]
    before = circuits.scores([_less(members, other) for _, other in pairs])
    after = circuits.scores([_less(members, node, other) for node, other in pairs])
    changes = circuits.floor.without_rounding(before - after)
    return [_Removal(node, other, change) for (node, other), change in zip(pairs, changes, strict=True)]


def _less(members: Sequence[Node], *out: Node | None) -> list[Node]:
    return [node for node in members if node not in out]
