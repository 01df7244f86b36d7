"""`mediators`: the nodes that alone recover more than a threshold, tested together with Holm's correction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mi_checks.checks.measurements import Measurements, SweepPlace
from mi_checks.checks.patching import why_untested
from mi_checks.checks.verdict import Verdict, no_effect_verdict, node_names_of
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import all_nodes
from mi_checks.errors import MiChecksError
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.output.numbers import first_names
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.node_checks import MediatorsCheck
from mi_checks.spec.node_names import COMPONENT_PLURALS
from mi_checks.spec.problems import comma_list
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import ALPHA, Outcome
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, ratio_parts, require_effect_size
from mi_checks.stats.mean_tests import ratio_p_values
from mi_checks.stats.p_values import holm
from mi_checks.stats.refusals import ratio_refusals, too_few_for_family


def check_mediators(check: MediatorsCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Denoise nodes alone and compare each with the threshold: the claimed ones or, for `exactly`, all.

    Claimed nodes must be above it and, for `exactly`, all others below it. The check passes if every one of these
    one-sided tests is significant after Holm's correction over all of them, fails if one is significantly contradicted
    (corrected over the same family), and is inconclusive otherwise. The level of each test is 2.5 %, as on either side
    of a 95 % interval.

    Raises:
        MiChecksError: a claimed node is outside the layers that the check names.
    """
    claimed = set(measured.nodes(check.nodes))
    claim = Claim(
        "mediators",
        nodes=node_names_of(sorted(claimed)),
        at=check.at or "",
        among=check.component,
        exactly=check.exactly is not None,
        threshold=check.above,
    )
    among = SweepPlace(check.component, check.layers, check.at)
    every_node = all_nodes(check.component, measured.loaded_model.shape, check.layers)
    unswept = sorted(claimed - set(every_node))
    if unswept:  # otherwise they would be ignored silently
        raise MiChecksError(
            f"{check.id}: on {measured.loaded_model.name}, {comma_list(unswept)} is claimed but not swept; "
            "widen 'layers', or remove it from the claim"
        )
    # All nodes are denoised only where all are tested. A report shows the others on fewer prompts.
    if check.exactly is None and claimed:
        sweep = measured.sweep_of(sorted(claimed), check.at, COMPONENT_PLURALS[check.component])
    else:
        sweep = measured.sweep(*among)
    try:
        require_effect_size(sweep.effect_size, measured.design, floor=measured.floor, cache=measured.intervals)
    except NoEffectSize as error:
        return no_effect_verdict(claim, bound, error, measured)
    recovered = measured.floor.without_rounding(sweep.recovered)
    if not recovered.any():  # otherwise "none is above the threshold" would pass although nothing was tested
        why = why_untested(denoise(*sweep.nodes, at=check.at), measured)
        if why is not None:
            estimate = ratio_interval(recovered[0], sweep.effect_size, measured.design, floor=measured.floor)
            return Verdict("fail", claim, estimate, bound, why)
    is_claimed = np.array([node in claimed for node in sweep.nodes])
    family = np.ones(len(sweep.nodes), dtype=bool) if check.exactly is not None else is_claimed
    tests = int(family.sum())
    above, below = ratio_p_values(recovered, sweep.effect_size, check.above, measured.design, tests)
    supports = holm(np.where(is_claimed, above, below)[family])
    contradicts = holm(np.where(is_claimed, below, above)[family])
    nodes = [node for node, tested in zip(sweep.nodes, family, strict=True) if tested]
    wrong = [node for node, p in zip(nodes, contradicts, strict=True) if p < ALPHA / 2]
    unsure = [node for node, p in zip(nodes, supports, strict=True) if p >= ALPHA / 2 and node not in wrong]
    refusal = too_few_for_family(measured.design, tests)
    if refusal is not None:
        wrong, unsure = [], nodes  # no test holds
    outcome: Outcome = "fail" if wrong else "inconclusive" if unsure else "pass"
    deciding = nodes[int(np.argmin(contradicts) if wrong else np.argmax(supports))]
    row = sweep.nodes.index(deciding)
    estimate = ratio_interval(
        recovered[row], sweep.effect_size, measured.design, floor=measured.floor, cache=measured.intervals
    )
    estimate = estimate if refusal is None else replace(estimate, refusal=refusal)
    test = f"Holm-corrected over {len(nodes)} {COMPONENT_PLURALS[check.component]}"
    reason = [] if refusal is None else [refusal_text(refusal)]
    unsure = unsure if refusal is None else []
    rows = [sweep.nodes.index(node) for node in unsure]
    found = ratio_refusals(recovered[rows], sweep.effect_size, measured.design)
    refused = {node: each for node, each in zip(unsure, found, strict=True) if each is not None}
    if refused:  # the remedy is that of the node that needs most
        worst = max(refused.values(), key=lambda each: each.need)
        reason.append(f"{refusal_text(worst)}: {first_names(list(map(str, refused)), 12)}")
    for title, chosen in (
        ("claimed, but below the threshold", [n for n in wrong if n in claimed]),
        ("above the threshold, but not claimed", [n for n in wrong if n not in claimed]),
        ("too close to the threshold to decide", [n for n in unsure if n not in refused]),
    ):
        if chosen:
            reason.append(f"{title} ({test}): {', '.join(map(str, chosen[:12]))}{' …' if len(chosen) > 12 else ''}")
    values = recovered[row] / sweep.effect_size.mean()
    side = Bound(at_least=check.above) if deciding in claimed else Bound(at_most=check.above)
    return Verdict(
        outcome,
        claim,
        estimate,
        side,
        "\n".join(reason),
        tuple(values.tolist()),
        show_other_mediators=True,
        sought_among=among,
        deciding=str(deciding),
        p_value=float(supports.max()),
        detail=test,
        lost=tuple(str(node) for node in wrong if node in claimed),
        gained=tuple(str(node) for node in wrong if node not in claimed),
        parts=ratio_parts(
            recovered[row],
            sweep.effect_size,
            score_unit(measured.batch.score),
            measured.design,
            cache=measured.intervals,
        ),
    )
