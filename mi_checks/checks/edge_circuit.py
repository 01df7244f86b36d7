"""Circuits given by their edges: along every other edge the receiver reads the ablated sender."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mi_checks.checks.circuit_scores import require_span
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.patching import refuse_unequal_lengths
from mi_checks.checks.path import receivers
from mi_checks.checks.verdict import Verdict, no_effect_verdict, verdict
from mi_checks.engine.interventions import Edge, EdgeCircuit, all_edges
from mi_checks.engine.nodes import LOGITS
from mi_checks.errors import MiChecksError
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.results.claim import QUANTITY_OF_ASPECT, Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.circuit_checks import CircuitCheck
from mi_checks.spec.edges import parse_edge
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import ALPHA, CIRCUIT_EFFECT_NAME, Outcome
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, ratio_parts
from mi_checks.stats.mean_tests import bound_p_value, ratio_p_values
from mi_checks.stats.p_values import holm
from mi_checks.stats.refusals import too_few_for_family


def check_edges(check: CircuitCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the faithfulness of the edges, or that each of them matters.

    m(∅) is the score with every edge of the universe ablated. In a model with MLPs, `among: heads` never ablates edges
    into or out of MLPs.

    Raises:
        MiChecksError: an edge does not exist in the model, or is named twice; or all existing edges are named.
    """
    refuse_unequal_lengths(measured, check.with_, None)
    edges = _edges(check, measured)
    mlps = check.among == "heads_and_mlps"
    if set(edges) == set(all_edges(measured.loaded_model.shape, mlps=mlps)):
        raise MiChecksError(
            f"{check.id}: on {measured.loaded_model.name}, the circuit contains all edges, so nothing would be "
            "ablated; leave out at least one"
        )
    fewer = [tuple(other for other in edges if other != edge) for edge in edges] if check.aspect == "minimal" else []
    circuits = [EdgeCircuit(remaining, check.with_, mlps) for remaining in ((), edges, *fewer)]
    try:
        nothing, whole_circuit, *without = measured.edge_circuits(circuits)
    except ValueError as error:
        raise MiChecksError(f"{check.id}: {error}") from None
    span, unit = measured.unpatched.clean.logit_diff - nothing, score_unit(measured.batch.score)
    floor, design = measured.floor, measured.design
    about = design, CIRCUIT_EFFECT_NAME, floor, measured.intervals

    def by_zero() -> Floats:
        left: Floats = measured.edge_circuits([EdgeCircuit((), "zero", mlps)])[0]
        return measured.unpatched.clean.logit_diff - left

    try:
        require_span(span, measured, check.with_, "all edges", by_zero)
        faithfulness = ratio_interval(whole_circuit - nothing, span, *about)
    except NoEffectSize as error:
        return no_effect_verdict(
            Claim(QUANTITY_OF_ASPECT[check.aspect], edges=tuple(map(shown, edges)), **bound.sides),
            bound,
            error,
            measured,
        )
    if check.aspect == "faithfulness":
        claim = Claim("faithfulness", edges=tuple(map(shown, edges)), **bound.sides)
        restored_score = floor.without_rounding(whole_circuit - nothing)
        result = verdict(
            claim,
            faithfulness,
            bound,
            tuple((restored_score / span.mean()).tolist()),
            bound_p_value(restored_score, bound, design, whole=span),
            show_other_mediators=True,
            is_zero=not restored_score.any(),
        )
        parts = ratio_parts(restored_score, span, unit, design, CIRCUIT_EFFECT_NAME, measured.intervals)
        return replace(result, parts=parts)
    changes = floor.without_rounding(whole_circuit - np.stack(without))
    least = bound.at_least if bound.at_least is not None else 0.0
    above, below = ratio_p_values(changes, span, least, design, len(edges))
    supports, contradicts = holm(above), holm(below)
    wrong = [i for i, p in enumerate(contradicts) if p < ALPHA / 2]
    unsure = [i for i, p in enumerate(supports) if p >= ALPHA / 2 and i not in wrong]
    refusal = too_few_for_family(design, len(edges))
    if refusal is not None:
        wrong, unsure = [], list(range(len(edges)))  # no test holds
    outcome: Outcome = "fail" if wrong else "inconclusive" if unsure else "pass"
    deciding = int(np.argmin(contradicts) if wrong else np.argmax(supports))
    claim = Claim("minimality", edges=tuple(map(shown, edges)), at_least=least)
    reasons = [
        f"{what}: {', '.join(shown(edges[i]) for i in chosen)}"
        for what, chosen in (("not needed", wrong), ("too close to the bound to decide", unsure))
        if chosen
    ]
    estimate = ratio_interval(changes[deciding], span, *about)
    if refusal is not None:
        estimate, reasons = replace(estimate, refusal=refusal), [refusal_text(refusal)]
    return Verdict(
        outcome,
        claim,
        estimate,
        bound,
        "\n".join(reasons),
        tuple((changes[deciding] / span.mean()).tolist()),
        deciding=shown(edges[deciding]),
        detail=f"Holm-corrected over {len(edges)} edges",
        p_value=float(supports.max()),
        parts=ratio_parts(changes[deciding], span, unit, design, CIRCUIT_EFFECT_NAME, measured.intervals),
    )


def shown(edge: Edge) -> str:
    """Return an edge as claims spell it: `L0H3 → L1H6.k`."""
    sender, receiver = edge
    return f"{sender} → {'logits' if receiver == LOGITS else receiver}"


def _edges(check: CircuitCheck, measured: Measurements) -> tuple[Edge, ...]:
    """Return all edges that are named; between two sets, those from each node to each."""
    found: list[Edge] = []
    for text in check.edges or ():
        name = parse_edge(text)
        if name is None:
            raise ValueError(f"{text!r} is not an edge")  # unreachable: the grammar allows only edges
        ends = receivers(measured, name.receiver, name.via)
        found += [(sender, end) for sender in measured.nodes(name.sender) for end in ends]
    repeated = next((edge for edge in found if found.count(edge) > 1), None)
    if repeated is not None:
        raise MiChecksError(
            f"{check.id}: on {measured.loaded_model.name}, the edge {shown(repeated)} is named twice; name it once"
        )
    return tuple(found)
