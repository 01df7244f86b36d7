"""`sufficient` and `necessary`: a circuit compared with random circuits of its size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.checks.verdict import Verdict, node_names_of
from mi_checks.engine.nodes import Node
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.numbers import signed_number
from mi_checks.results.claim import QUANTITY_OF_ASPECT, Claim
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA_PER_SIDE, Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import proportion_interval
from mi_checks.stats.judgement import judge
from mi_checks.stats.mean_tests import mean_p_values
from mi_checks.stats.refusals import too_few

MAX_RANDOM_CIRCUITS = 200  # if there are fewer circuits of the size, all of them


def check_random_circuits(aspect: str, bound: Bound, circuits: CircuitScores, members: Sequence[Node]) -> Verdict:
    """Judge the fraction of random circuits R, with as many nodes of each kind, that the circuit C is ahead of.

    `sufficient`: m(C) > m(R); `necessary`: m(M∖C) < m(M∖R), by more than rounding error. Under the null hypothesis
    that C is a random circuit the fraction is uniform (Shi et al. 2024, arXiv:2410.13032). Either end of the interval
    is the wider of two: Clopper and Pearson's over the drawn circuits (unless all circuits of the size were measured),
    and the fraction of rivals that the circuit is significantly ahead of, or not significantly behind, over prompts.

    Raises:
        NoEffectSize: as `CircuitScores.require_span`.
    """
    circuits.require_span()
    others, total = random_circuits(circuits.universe, members)
    if aspect == "sufficient":
        own, rivals = circuits.scores([members])[0], circuits.scores(others, "random circuits")
    else:
        own, rivals = -circuits.knocked_out([members])[0], -circuits.knocked_out(others, "random circuits")
    ahead = own - rivals
    estimate = _fraction_ahead(ahead, circuits, exhaustive=len(others) == total)
    outcome = judge(estimate, bound)
    claim = Claim(QUANTITY_OF_ASPECT[aspect], nodes=node_names_of(members), n=len(others), of=total, **bound.sides)
    closest = min(range(len(others)), key=lambda i: ahead[i].mean())
    rival = ", ".join(map(str, others[closest]))
    difference = signed_number(-ahead[closest].mean(), 3)
    reason = "" if outcome == "pass" else f"the strongest random circuit is {rival} ({difference} against this one)"
    if estimate.refusal is not None:
        reason = refusal_text(estimate.refusal)
    return Verdict(outcome, claim, estimate, bound, reason, tuple(ahead[closest].tolist()))


def random_circuits(universe: Sequence[Node], members: Sequence[Node]) -> tuple[list[tuple[Node, ...]], int]:
    """Return other circuits with as many nodes of each kind, at most `MAX_RANDOM_CIRCUITS`, and how many exist."""
    kinds = sorted({node.kind for node in members})
    pools = {kind: [node for node in universe if node.kind == kind] for kind in kinds}
    sizes = {kind: sum(node.kind == kind for node in members) for kind in kinds}
    total = math.prod(math.comb(len(pools[kind]), sizes[kind]) for kind in kinds) - 1
    own = frozenset(members)
    if total <= MAX_RANDOM_CIRCUITS:
        parts = product(*(combinations(pools[kind], sizes[kind]) for kind in kinds))
        every = (tuple(node for part in choice for node in part) for choice in parts)
        return [circuit for circuit in every if frozenset(circuit) != own], total
    generator = np.random.default_rng(len(members))
    found: dict[frozenset[Node], tuple[Node, ...]] = {}
    while len(found) < MAX_RANDOM_CIRCUITS:
        choice = tuple(
            pools[kind][i]
            for kind in kinds
            for i in sorted(generator.choice(len(pools[kind]), sizes[kind], replace=False))
        )
        if frozenset(choice) != own:
            found[frozenset(choice)] = choice
    return list(found.values()), total


def _fraction_ahead(ahead: Floats, circuits: CircuitScores, *, exhaustive: bool) -> Estimate:
    """Return the fraction of rivals that the circuit is ahead of by more than rounding error, from `rival prompt`.

    Whether it is ahead of one rival is tested at 2.5 % over prompts, in either direction.
    """
    n, design, floor = len(ahead), circuits.design, circuits.floor.mean
    wins = int((ahead.mean(1) > floor).sum())
    refusal = too_few(design)
    surely_ahead = int((mean_p_values(ahead - floor, design) < ALPHA_PER_SIDE).sum())
    surely_behind = int((mean_p_values(floor - ahead, design) < ALPHA_PER_SIDE).sum())
    low, high = min(surely_ahead, wins) / n, max(n - surely_behind, wins) / n
    how = "tests over prompts of each circuit"
    if not exhaustive:
        drawn = proportion_interval(wins, n)
        low, high, how = (
            min(low, drawn.low),
            max(high, drawn.high),
            f"the wider of Clopper–Pearson over circuits and {how}",
        )
    if refusal is not None:
        low = high = wins / n
    unit = "fraction of circuits of its size"
    return Estimate(wins / n, low, high, n, unit, how, "circuits", **design.clustered, refusal=refusal)
