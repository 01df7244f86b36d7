"""`patching` and `ablation`: the fraction that nodes together recover or remove; interventions without effect."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, no_effect_verdict, node_names_of, only_above_zero, verdict
from mi_checks.engine.intervention_quantities import InterventionChanges
from mi_checks.engine.interventions import AblationKind, Intervention, Side, ablate, denoise, noise
from mi_checks.errors import MiChecksError
from mi_checks.output.numbers import first_names
from mi_checks.prompts.batch import END
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.node_checks import AblationCheck, PatchingCheck
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.intervals import NoEffectSize, ratio_interval, ratio_parts
from mi_checks.stats.mean_tests import bound_p_value


def check_patching(check: PatchingCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Patch the nodes together between the clean and the corrupt run."""
    nodes = measured.nodes(check.nodes)
    patch = denoise if check.recovers else noise
    claim = Claim(
        "fraction recovered" if check.recovers else "fraction removed",
        nodes=node_names_of(nodes),
        method="denoising" if check.recovers else "noising",
        at=check.at or "",
        **bound.sides,
    )
    return fraction_verdict(claim, patch(*nodes, at=check.at), bound, measured)


def fraction_verdict(claim: Claim, intervention: Intervention, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the fraction recovered (by interventions on the corrupted run) or removed (on the clean run).

    recovered = (patched − corrupt)/(clean − corrupt); removed = (clean − patched)/(clean − corrupt): ratios of means.
    If no score moves by more than rounding, the fraction is zero if the intervention changed something that could have
    moved it. Otherwise nothing was tested, and the check fails whatever its bound.
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
        estimate = ratio_interval(
            moved, unpatched.effect_size, measured.design, floor=measured.floor, cache=measured.intervals
        )
    except NoEffectSize as error:
        return no_effect_verdict(claim, bound, error, measured)
    # A prompt is divided by the mean effect size: their mean is the estimate, and no single small one can inflate it.
    result = verdict(
        claim,
        estimate,
        bound,
        tuple((moved / unpatched.effect_size.mean()).tolist()),
        bound_p_value(moved, bound, measured.design, whole=unpatched.effect_size),
        show_other_mediators=True,
        is_zero=not moved.any(),
    )
    unit = score_unit(measured.batch.score)
    parts = ratio_parts(moved, unpatched.effect_size, unit, measured.design, cache=measured.intervals)
    result = replace(result, nodes=intervention.nodes, at=intervention.at, parts=parts)
    if moved.any():
        return result
    why = why_untested(intervention, measured)
    if why is not None:
        return replace(result, outcome="fail", p_value=None, reason=why, show_other_mediators=False)
    if result.outcome == "pass" and not only_above_zero(bound):
        return result
    return replace(result, outcome="fail", p_value=1.0, reason=effect_of_zero(intervention, measured))


def check_ablation(check: AblationCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the fraction removed by ablating the nodes together in the clean run."""
    nodes = measured.nodes(check.nodes)
    claim = Claim("fraction removed", nodes=node_names_of(nodes), method=check.with_, at=check.at or "", **bound.sides)
    refuse_unequal_lengths(measured, check.with_, check.at)
    intervention = ablate(*nodes, kind=check.with_, at=check.at)
    return fraction_verdict(claim, intervention, bound, measured)


def refuse_unequal_lengths(measured: Measurements, kind: AblationKind, at: str | None) -> None:
    """Raise if mean or resample ablation at all positions would mix prompts of different lengths.

    Raises:
        MiChecksError: the ablation takes activations of other prompts at the same position, and prompts differ in
            length.
    """
    if kind != "zero" and at is None and len(set(measured.batch.positions(END))) > 1:
        raise MiChecksError(
            f"{kind} ablation takes activations of other prompts at the same position, but the prompts differ in "
            "length; use values with equally many tokens, name a label ('at'), or ablate 'with: zero'"
        )


MAX_NAMED_NODES = 6
_ALREADY: dict[Side | AblationKind, str] = {
    "clean": "is the same on the clean and the corrupt prompt of every pair; corrupt what it depends on",
    "corrupt": "is the same on the clean and the corrupt prompt of every pair; corrupt what it depends on",
    "zero": "is already zero on every prompt; name nodes that are active on these prompts",
    "mean": "equals its mean on every prompt; vary what it depends on, or ablate 'with: zero'",
    "resample": "equals that of the other prompt on every prompt; vary what it depends on, or ablate 'with: zero'",
}


def why_untested(intervention: Intervention, measured: Measurements) -> str | None:
    """Return why an intervention that moves no score says nothing about its nodes, or None if it does.

    It says nothing if it replaces every activation by itself, or if no model could show the change at END because
    attention is causal. Otherwise the effect is zero, and a claim with an upper bound may pass.
    """
    changed, seen = measured.measure(InterventionChanges(intervention))
    what = _what(intervention)
    if not changed.any():
        why = _ALREADY[intervention.value]
        return f"the intervention changes nothing, so it tests nothing: the activation of {what} {why}"
    if not seen.any():
        route = " along this path" if intervention.hops else ""
        return (
            f"the intervention tests nothing: the change to {what} cannot reach END{route} in any model, because it is "
            "before END, where only attention in later layers could read it; name a label at END, or an earlier layer"
        )
    return None


def effect_of_zero(intervention: Intervention, measured: Measurements) -> str:
    """Return a description of an intervention that changes activations but moves no score."""
    changed, _ = measured.measure(InterventionChanges(intervention))
    of_all = "every prompt" if changed.all() else f"{int(changed.sum())} of {len(changed)} prompts"
    return (
        f"the effect is zero: the activation of {_what(intervention)} is changed on {of_all}, and the change moves no "
        "score by more than rounding"
    )


def _what(intervention: Intervention) -> str:
    where = "" if intervention.at is None else f" at {intervention.at}"
    names = [str(node) for node in intervention.nodes]
    return f"{first_names(names, MAX_NAMED_NODES)}{where}"
