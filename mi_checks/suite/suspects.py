"""The nodes that mediate, for the failure message of a claim about nodes."""

from __future__ import annotations

import numpy as np

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.checks.strongest_neurons import DENOISED, strongest_neurons
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.output.numbers import precise
from mi_checks.spec.circuit_checks import DEFAULT_MINIMAL_BOUND
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import NoEffectSize, require_effect_size
from mi_checks.stats.p_values import holm, ratio_p_values

MAX_NAMED = 5  # nodes
MIN_PROMPTS = 2  # for a test


def suspects(verdict: Verdict, measured: Measurements) -> list[str]:
    """Return a line with the nodes that alone recover significantly more than 0.01, or that says that there are none.

    The tests are one-sided at 2.5 %, Holm-corrected over all nodes of the kind. The result is empty if there is no
    effect size, or if there are too few prompts for a test.
    """
    try:
        require_effect_size(measured.unpatched.effect_size, floor=measured.floor, cache=measured.intervals)
    except NoEffectSize:
        return []
    if len(measured.batch) < MIN_PROMPTS:
        return []
    sweep, among = verdict.sweep, ""
    if sweep is None and verdict.nodes and all(node.kind == "neuron" for node in verdict.nodes):
        sweep = strongest_neurons(measured, verdict.nodes, verdict.at)
        if len(sweep.nodes) <= DENOISED:
            among = f", of the {len(sweep.nodes)} neurons that attribution patching ranks first"
    if sweep is None:
        sweep = measured.sweep("head", at=measured.default_position)
    component = sweep.nodes[0].kind
    tested = len(all_nodes("neuron", measured.loaded_model.shape)) if among else len(sweep.nodes)
    significant = _significant(sweep, measured, tested)
    if significant:
        nodes = "; ".join(f"{node} {precise(estimate)}" for node, estimate in significant[:MAX_NAMED])
        return [f"  mediators found, by fraction recovered alone{among}: {nodes}"]
    test = f"one-sided tests at {100 * ALPHA / 2:.3g} %, Holm-corrected over {tested} {COMPONENT_PLURALS[component]}"
    return [
        f"  mediators found: none{among}; no {component} alone recovers more than {DEFAULT_MINIMAL_BOUND:g} ({test})"
    ]


def _significant(sweep: Sweep, measured: Measurements, tested: int) -> list[tuple[Node, Estimate]]:
    """Return the nodes that recover significantly more than `DEFAULT_MINIMAL_BOUND`, strongest first."""
    recovered = measured.floor.without_rounding(sweep.recovered)
    above, _ = ratio_p_values(recovered, sweep.effect_size, DEFAULT_MINIMAL_BOUND)
    corrected = holm(np.concatenate([above, np.ones(tested - len(above))]))[: len(above)]
    order = np.argsort(-sweep.fractions, kind="stable")
    return [(sweep.nodes[i], sweep.estimates[i]) for i in order if corrected[i] < ALPHA / 2]
