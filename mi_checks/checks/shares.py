"""Shares of the clean − corrupt logit difference: what patching and ablation both measure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, nothing_to_share, verdict
from mi_checks.engine.interventions import Intervention
from mi_checks.spec.bound import Bound
from mi_checks.spec.scoring import score_unit
from mi_checks.stats import NoGap, ratio_interval, ratio_parts

NOISE = 1e-6  # logits; what the order of additions may change


def share_verdict(claim: str, intervention: Intervention, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the share recovered (interventions on the corrupt run) or removed (on the clean run).

    recovered = (patched − corrupt)/(clean − corrupt); removed = (clean − patched)/(clean − corrupt): ratios of means.
    """
    base = measured.base
    patched = measured.logit_diff(intervention)
    moved = patched - base.corrupt.logit_diff if intervention.run == "corrupt" else base.clean.logit_diff - patched
    try:
        estimate = ratio_interval(moved, base.gap)
    except NoGap as none:
        return nothing_to_share(claim, bound, none, measured)
    parts = ratio_parts(moved, base.gap, score_unit(measured.batch.score))
    if np.abs(moved).max() <= NOISE:  # a bound of the form at_most would be green for nothing
        why = "the intervention changes no prompt at all: nothing it changes reaches END, or both runs agree there"
        return Verdict("fail", claim, estimate, bound, why, tuple(moved.tolist()), parts=parts)
    # Per prompt, over the mean gap: their mean is the estimate, and no prompt's own small gap can blow one up.
    judged = verdict(claim, estimate, bound, tuple((moved / base.gap.mean()).tolist()), suspects=True)
    return replace(judged, nodes=intervention.nodes, at=intervention.at, parts=parts)
