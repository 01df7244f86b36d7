"""`curve`: the faithfulness of circuits of increasing size, and the area under the curve."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from mi_checks.stats.estimate import CIRCUIT_EFFECT_NAME, Estimate
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize, ratio_summary_interval, ratio_summary_parts

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
    area, sign = ((cpr, "CPR"), (cmd, "CMD"))[check.aspect == "cmd"]
    claim = Claim(QUANTITY_OF_ASPECT[check.aspect], among=check.among, **bound.sides)
    try:
        circuits.require_span(ODD_PROMPTS)  # before the expensive measurement of a curve
    except NoEffectSize as error:
        return no_effect_verdict(claim, bound, error, measured)
    key = (check.among, check.with_)
    if key not in measured.curves:
        measured.curves[key] = _measure(circuits, measured)
    curve = measured.curves[key]
    result = verdict(claim, area_interval(curve, area, sign), bound, ())
    summary, how = _summary(curve, area), _method(sign)
    return replace(
        result,
        parts=ratio_summary_parts(curve.restored_scores, curve.span, summary, circuits.unit, CIRCUIT_EFFECT_NAME, how),
    )


def area_interval(curve: MeasuredCurve, area: Callable[[Floats, Floats], Floats], sign: str) -> Estimate:
    """Return the `cpr` or `cmd` of a curve with its interval; `sign` is `CPR` or `CMD`.

    Raises:
        NoEffectSize: m(M) − m(∅) is not above zero.
    """
    return ratio_summary_interval(
        curve.restored_scores, curve.span, _summary(curve, area), CIRCUIT_EFFECT_NAME, _method(sign), curve.floor
    )


def _summary(curve: MeasuredCurve, area: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
    node_fractions = np.array(curve.sizes) / curve.sizes[-1]
    return lambda f: area(node_fractions, f)


def _method(sign: str) -> str:
    return f"bootstrap of {sign}, on the odd prompts"


def _measure(circuits: CircuitScores, measured: Measurements) -> MeasuredCurve:
    order = _order(circuits, measured)
    sizes = _sizes(len(order))
    restored_scores = circuits.scores([order[:size] for size in sizes])[:, ODD_PROMPTS] - circuits.nothing[ODD_PROMPTS]
    return MeasuredCurve(tuple(sizes), restored_scores, circuits.span[ODD_PROMPTS], circuits.floor.select(ODD_PROMPTS))


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
