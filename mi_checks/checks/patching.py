"""`patching`: what the nodes together recover (denoising) or remove (noising)."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.unmoved import effect_of_zero, untested
from mi_checks.checks.verdict import Verdict, named, nothing_to_share, only_above_zero, verdict
from mi_checks.engine.interventions import Intervention, denoise, noise
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.node_checks import PatchingCheck
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, ratio_parts


def check_patching(check: PatchingCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Patch the nodes together between the clean and the corrupt run."""
    nodes = measured.nodes(check.nodes)
    patch = denoise if check.recovers else noise
    claim = Claim(
        "fraction recovered" if check.recovers else "fraction removed",
        nodes=named(nodes),
        method="denoising" if check.recovers else "noising",
        at=check.at or "",
        **bound.sides,
    )
    return share_verdict(claim, patch(*nodes, at=check.at), bound, measured)


def share_verdict(claim: Claim, intervention: Intervention, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the share recovered (interventions on the corrupt run) or removed (on the clean run).

    recovered = (patched − corrupt)/(clean − corrupt); removed = (clean − patched)/(clean − corrupt): ratios of means.
    Where no score is moved by more than rounding, the share is zero if something was changed that could have moved it;
    otherwise nothing was tested, and the check fails whatever its bound.
    """
    unpatched = measured.unpatched
    patched = measured.logit_diff(intervention)
    moved = (
        patched - unpatched.corrupt.logit_diff
        if intervention.run == "corrupt"
        else unpatched.clean.logit_diff - patched
    )
    moved = measured.floor.without_rounding(moved)
    try:
        estimate = ratio_interval(moved, unpatched.effect_size, floor=measured.floor, cache=measured.intervals)
    except NoEffectSize as none:
        return nothing_to_share(claim, bound, none, measured)
    # A prompt is divided by the mean effect size: their mean is the estimate, and no single small one can inflate it.
    judged = verdict(claim, estimate, bound, tuple((moved / unpatched.effect_size.mean()).tolist()), suspects=True)
    parts = ratio_parts(moved, unpatched.effect_size, score_unit(measured.batch.score), cache=measured.intervals)
    judged = replace(judged, nodes=intervention.nodes, at=intervention.at, parts=parts)
    if moved.any():
        return judged
    why = untested(intervention, measured)
    if why is not None:
        return replace(judged, outcome="fail", reason=why, suspects=False)
    if judged.outcome == "pass" and not only_above_zero(bound):
        return judged
    return replace(judged, outcome="fail", reason=effect_of_zero(intervention, measured))
