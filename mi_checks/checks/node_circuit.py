"""The `circuit` check: judges one aspect (faithfulness, completeness, …) of a circuit given by its nodes or edges."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.checks.edge_circuit import check_edges
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.minimality import check_minimality
from mi_checks.checks.random_circuits import check_random_circuits
from mi_checks.checks.verdict import Verdict, no_effect_verdict, node_names_of, verdict
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.output.numbers import signed_number
from mi_checks.results.claim import QUANTITY_OF_ASPECT, Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.circuit_checks import CircuitCheck
from mi_checks.spec.nodes_on_model import whole_model_problem
from mi_checks.spec.problems import comma_list
from mi_checks.stats.absolute_means import AbsoluteMeans
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME
from mi_checks.stats.intervals import NoEffectSize
from mi_checks.stats.mean_tests import bound_p_value

# 2⁵ − 1: all non-empty subsets of a circuit of up to five nodes are knocked out, of a larger one this many at random.
MAX_KNOCK_OUTS = 31


def check_circuit(check: CircuitCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge one aspect of a circuit.

    Raises:
        MiChecksError: a member is outside the ablated universe, or the circuit contains the whole universe.
    """
    if check.nodes is None:
        return check_edges(check, bound, measured)
    circuits = CircuitScores(measured, check.among, check.with_)
    members = measured.nodes(check.nodes)
    outside = [node for node in members if node not in circuits.universe]
    if outside:
        ablated = check.among.replace("_", " ").replace("mlps", "MLP layers")
        mlp = any(node.kind == "mlp" for node in outside)
        remedy = "set 'among: heads_and_mlps'" if mlp else f"name only {ablated}"
        raise MiChecksError(
            f"{check.id}: on {measured.loaded_model.name}, the circuit cannot contain {comma_list(outside)}, because "
            f"'among: {check.among}' ablates only {ablated}; {remedy}"
        )
    problem = whole_model_problem(map(str, members), check.among, measured.loaded_model.shape)
    if problem is not None:
        raise MiChecksError(f"{check.id}: on {measured.loaded_model.name}, {problem}")
    try:
        match check.aspect:
            case "faithfulness":
                return _faithfulness(bound, circuits, members)
            case "completeness":
                return _completeness(bound, circuits, members)
            case "minimal":
                return check_minimality(bound, circuits, members)
            case aspect:  # sufficient or necessary
                return check_random_circuits(aspect, bound, circuits, members)
    except NoEffectSize as error:
        return no_effect_verdict(
            Claim(QUANTITY_OF_ASPECT[check.aspect], nodes=node_names_of(members), **bound.sides), bound, error, measured
        )


def _faithfulness(bound: Bound, circuits: CircuitScores, members: tuple[Node, ...]) -> Verdict:
    claim = Claim("faithfulness", nodes=node_names_of(members), **bound.sides)
    estimate = circuits.faithfulness(members)
    restored_score = circuits.floor.without_rounding(circuits.scores([members])[0] - circuits.nothing)
    result = verdict(
        claim,
        estimate,
        bound,
        tuple((restored_score / circuits.span.mean()).tolist()),
        bound_p_value(restored_score, bound, circuits.design, whole=circuits.span),
        show_other_mediators=True,
        is_zero=not restored_score.any(),
    )
    return replace(result, parts=circuits.parts(restored_score))


def _completeness(bound: Bound, circuits: CircuitScores, members: tuple[Node, ...]) -> Verdict:
    """Return the mean over knock-outs K ⊆ C of |f(C∖K) − f(M∖K)| (Wang et al. 2022, section 4)."""
    circuits.require_span()
    knock_outs = _knock_outs(members)
    without_in_circuit = circuits.scores([[node for node in members if node not in out] for out in knock_outs])
    differences = without_in_circuit - circuits.knocked_out(knock_outs)
    means = AbsoluteMeans(differences, circuits.span, circuits.design, CIRCUIT_EFFECT_NAME, floor=circuits.floor)
    worst = means.largest
    largest_difference = differences[worst].mean() / circuits.span.mean()
    claim = Claim("completeness", nodes=node_names_of(members), n=len(knock_outs), **bound.sides)
    # The absolute value is that of a mean over prompts, so that there are no values per prompt.
    return replace(
        verdict(claim, means.estimate, bound, (), means.p_value(bound)),
        detail=f"largest difference without {comma_list(knock_outs[worst])}: {signed_number(largest_difference, 3)}",
        parts=means.parts(circuits.unit),
    )


def _knock_outs(members: tuple[Node, ...]) -> list[tuple[Node, ...]]:
    """Return all non-empty subsets, or `MAX_KNOCK_OUTS` random ones (seeded)."""
    if 2 ** len(members) - 1 <= MAX_KNOCK_OUTS:
        return [out for size in range(1, len(members) + 1) for out in combinations(members, size)]
    generator = np.random.default_rng(len(members))
    found: dict[tuple[Node, ...], None] = {members: None}
    while len(found) < MAX_KNOCK_OUTS:
        chosen = tuple(node for node, out in zip(members, generator.random(len(members)) < 0.5, strict=True) if out)
        if chosen:
            found[chosen] = None
    return list(found)
