"""The message of a check that did not pass: what was measured, the worst prompt, and the nodes that mediate."""

from __future__ import annotations

import numpy as np

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.checks.strongest_neurons import MAX_DENOISED_NEURONS, strongest_neurons
from mi_checks.checks.verdict import Verdict
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.engine.readout import SideRun
from mi_checks.output.claim_text import claim_text
from mi_checks.output.failure_lines import ROWS, footer, measured_line
from mi_checks.output.numbers import number, precise
from mi_checks.output.unit_text import sample_text, worst_rows
from mi_checks.prompts.visible import visible
from mi_checks.spec.circuit_checks import DEFAULT_MINIMAL_BOUND
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.spec.scoring import score_name
from mi_checks.stats.estimate import ALPHA, Estimate
from mi_checks.stats.intervals import NoEffectSize, require_effect_size
from mi_checks.stats.mean_tests import ratio_p_values
from mi_checks.stats.p_values import holm
from mi_checks.stats.refusals import too_few_for_family


def explain(verdict: Verdict, measured: Measurements | None, *, location: str, rerun: str) -> str:
    """Return the whole message of a check, whose first line fits pytest's short summary.

    The messages of other items are made by `compare.reference_model`, `compare.baseline_drift` and
    `mutants.judge_mutants`, and by `plugin.run_items` for lints.
    """
    estimate = verdict.estimate
    of = f" of {verdict.deciding}" if verdict.deciding else ""
    value = "nothing measured" if estimate is None else f"measured {precise(estimate)}{of}"
    headline = verdict.headline or f"{value}, bound {verdict.bound}"
    lines = [f"{verdict.outcome}: {headline}", f"  claim     {claim_text(verdict.claim)}"]
    if estimate is not None:
        sample = sample_text(estimate, None if measured is None else measured.design)
        lines.append(measured_line(estimate, sample, estimate.method))
        lines += _about(verdict)
        lines += [] if measured is None else _worst_rows(verdict, measured)
    if not verdict.headline:
        lines.append(f"  bound     {verdict.bound}")
    lines += [f"  {'because' if i == 0 else '':<9} {line}" for i, line in enumerate(verdict.reason.splitlines())]
    if measured is not None:
        lines += _worst_prompt(verdict, measured)
    if measured is not None and verdict.show_other_mediators:
        lines += mediator_lines(verdict, measured)
    return "\n".join([*lines, *footer(location, rerun)])


def _about(verdict: Verdict) -> list[str]:
    """Say what the estimate is of, how it was tested and, for a fraction, what its two parts are."""
    tested = f" ({verdict.detail})" if verdict.detail else ""
    lines = [f"  deciding  {verdict.deciding}{tested}"] if verdict.deciding else []
    lines += [f"  detail    {verdict.detail}"] if verdict.detail and not verdict.deciding else []
    parts = verdict.parts
    if parts is not None and parts.numerator is not None:
        unit = parts.denominator.unit
        lines.append(f"  parts     {precise(parts.numerator)} of {precise(parts.denominator)} {unit} ({parts.of})")
    return lines


def _worst_rows(verdict: Verdict, measured: Measurements) -> list[str]:
    high_is_worse = verdict.bound.at_least is None
    found = worst_rows(verdict.per_prompt, measured.design, high_is_worse=high_is_worse)
    return [f"{ROWS}{'; '.join(each.text for each in found)}"] if found else []


def _worst_prompt(verdict: Verdict, measured: Measurements) -> list[str]:
    worst = verdict.worst_prompt
    if worst is None:
        return []
    pair = measured.batch.pairs[worst]
    clean, corrupt = measured.unpatched.clean, measured.unpatched.corrupt
    answers, foils = (" ".join(map(visible, texts)) for texts in (pair.answers, pair.foils))
    return [
        f"  worst of {len(measured.batch)} prompts: {worst}",
        f"    clean    {visible(pair.clean.text)}",
        f"    corrupt  {visible(pair.corrupt.text)}",
        f"    answer   {answers}   foil {foils}   {score_name(measured.batch.score)} "
        f"{number(clean.logit_diff[worst])} clean, {number(corrupt.logit_diff[worst])} corrupt",
        f"    predicts {_predictions(clean, worst, measured)} (clean)",
        f"             {_predictions(corrupt, worst, measured)} (corrupt)",
    ]


def _predictions(side: SideRun, prompt: int, measured: Measurements) -> str:
    return ", ".join(
        f"{visible(measured.loaded_model.tokenization.piece(token))} {number(probability)}"
        for token, probability in side.guesses(prompt)
    )


MAX_NAMED = 5  # nodes


def mediator_lines(verdict: Verdict, measured: Measurements) -> list[str]:
    """Return a line with the nodes that alone recover significantly more than 0.01, or that says that there are none.

    The tests are one-sided at 2.5 %, Holm-corrected over all nodes of the kind. The result is empty if there is no
    effect size, or if there are too few prompts for a test.
    """
    try:
        require_effect_size(
            measured.unpatched.effect_size, measured.design, floor=measured.floor, cache=measured.intervals
        )
    except NoEffectSize:
        return []
    sweep, among = None if verdict.sought_among is None else measured.sweep(*verdict.sought_among), ""
    if sweep is None and verdict.nodes and all(node.kind == "neuron" for node in verdict.nodes):
        sweep = strongest_neurons(measured, verdict.nodes, verdict.at)
        if len(sweep.nodes) <= MAX_DENOISED_NEURONS:
            among = f", of the {len(sweep.nodes)} neurons that attribution patching ranks first"
    if sweep is None:
        sweep = measured.sweep("head", at=measured.default_position)
    component = sweep.nodes[0].kind
    tested = len(all_nodes("neuron", measured.loaded_model.shape)) if among else len(sweep.nodes)
    if too_few_for_family(measured.design, tested) is not None:
        return []
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
    above, _ = ratio_p_values(recovered, sweep.effect_size, DEFAULT_MINIMAL_BOUND, sweep.design, tested)
    corrected = holm(np.concatenate([above, np.ones(tested - len(above))]))[: len(above)]
    order = np.argsort(-sweep.fractions, kind="stable").tolist()
    significant = [place for place in order if corrected[place] < ALPHA / 2]
    return list(zip([sweep.nodes[place] for place in significant], sweep.estimates_of(significant), strict=True))
