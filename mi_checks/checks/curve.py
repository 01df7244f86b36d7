"""`curve`: the faithfulness of circuits of increasing size, and the area under the curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.checks.measurements import MeasuredCurve, Measurements
from mi_checks.checks.verdict import Verdict, no_effect_verdict, verdict
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import Node
from mi_checks.results.claim import QUANTITY_OF_ASPECT, Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.circuit_checks import CurveCheck
from mi_checks.stats.absolute_means import AbsoluteMeans
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME, Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, ratio_parts
from mi_checks.stats.mean_tests import bound_p_value

# The fractions of all nodes at which the curve of a model with many nodes is measured (Mueller et al. 2025, MIB).
FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
MAX_NODES_ALL_SIZES = 40  # up to so many nodes, circuits of every size are measured
ODD_PROMPTS = slice(1, None, 2)


def check_curve(check: CurveCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge CPR = ∫ f or CMD = ∫ |1 − f| over the fraction of nodes in the circuit, by the trapezoid rule.

    Mueller et al. 2025, arXiv:2504.13151.
    Nodes are added in the order of what each recovers alone on the even prompts; f is measured on the odd ones.
    """
    circuits = CircuitScores(measured, check.among, check.with_)
    claim = Claim(QUANTITY_OF_ASPECT[check.aspect], among=check.among, **bound.sides)
    try:
        circuits.require_span(ODD_PROMPTS)  # before the expensive measurement of a curve
    except NoEffectSize as error:
        error.whole = _with_all_prompts(error.whole, len(measured.batch))
        return no_effect_verdict(claim, bound, error, measured)
    key = (check.among, check.with_)
    if key not in measured.curves:
        measured.curves[key] = _measure(circuits, measured)
    curve = measured.curves[key]
    if check.aspect == "cmd":
        distances = _distances(curve)
        estimate = _with_all_prompts(distances.estimate, len(measured.batch))
        result = verdict(claim, estimate, bound, (), distances.p_value(bound))
        return replace(result, parts=distances.parts(circuits.unit))
    areas = cpr(_node_fractions(curve), curve.restored_scores)
    estimate = _with_all_prompts(cpr_interval(curve), len(measured.batch))
    result = verdict(claim, estimate, bound, (), bound_p_value(areas, bound, curve.design, whole=curve.span))
    return replace(result, parts=ratio_parts(areas, curve.span, circuits.unit, curve.design, CIRCUIT_EFFECT_NAME))


def _with_all_prompts(estimate: Estimate, n: int) -> Estimate:
    """Return an estimate over every second prompt whose refusal, if it has one, counts all `n` of them."""
    refusal = estimate.refusal
    if refusal is None or refusal.reason == "few rows":
        return estimate
    have = n if refusal.reason == "few prompts" else refusal.have
    return replace(estimate, refusal=replace(refusal, have=have, need=2 * refusal.need))


def cpr_interval(curve: MeasuredCurve) -> Estimate:
    """Return the `cpr` of a curve with its interval.

    Raises:
        NoEffectSize: m(M) − m(∅) is not above zero.
    """
    areas = cpr(_node_fractions(curve), curve.restored_scores)
    return ratio_interval(areas, curve.span, curve.design, CIRCUIT_EFFECT_NAME, curve.floor)


def cmd_interval(curve: MeasuredCurve) -> Estimate:
    """Return the `cmd` of a curve with its interval.

    Raises:
        NoEffectSize: m(M) − m(∅) is not above zero.
    """
    return _distances(curve).estimate


def _distances(curve: MeasuredCurve) -> AbsoluteMeans:
    """Return the sum over sizes of |1 − f|, weighted as the trapezoid rule does."""
    weights = _area(_node_fractions(curve), np.eye(len(curve.sizes)))
    missing = curve.span - curve.restored_scores
    return AbsoluteMeans(missing, curve.span, curve.design, CIRCUIT_EFFECT_NAME, weights=weights, floor=curve.floor)


def _node_fractions(curve: MeasuredCurve) -> Floats:
    return np.array(curve.sizes) / curve.sizes[-1]


def _measure(circuits: CircuitScores, measured: Measurements) -> MeasuredCurve:
    order = _order(circuits, measured)
    sizes = _sizes(len(order))
    restored_scores = circuits.scores([order[:size] for size in sizes])[:, ODD_PROMPTS] - circuits.nothing[ODD_PROMPTS]
    design, floor = circuits.design.select(ODD_PROMPTS), circuits.floor.select(ODD_PROMPTS)
    return MeasuredCurve(tuple(sizes), restored_scores, circuits.span[ODD_PROMPTS], design, floor)


def cpr(node_fractions: Floats, f: Floats) -> Floats:
    """Return ∫ f, `size …` → `…`."""
    return _area(node_fractions, f)


def cmd(node_fractions: Floats, f: Floats) -> Floats:
    """Return ∫ |1 − f|, `size …` → `…`."""
    return _area(node_fractions, np.abs(1 - f))


def _area(node_fractions: Floats, f: Floats) -> Floats:
    return np.asarray(np.trapezoid(f, node_fractions, axis=0))


def _order(circuits: CircuitScores, measured: Measurements) -> Sequence[Node]:
    nodes = circuits.universe
    recovered = measured.logit_diffs([denoise(node) for node in nodes], "nodes") - measured.unpatched.corrupt.logit_diff
    return [nodes[i] for i in np.argsort(-recovered[:, ::2].mean(1), kind="stable")]


def _sizes(n: int) -> list[int]:
    if n <= MAX_NODES_ALL_SIZES:
        return list(range(n + 1))
    return sorted({0, *(round(n * fraction) for fraction in FRACTIONS)})
