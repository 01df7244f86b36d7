"""Interventions that move no score: whether that is an effect of zero, or a claim that nothing was tested for."""

from __future__ import annotations

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.intervention_quantities import InterventionChanges
from mi_checks.engine.interventions import AblationKind, Intervention, Side
from mi_checks.spec.problems import listed

MAX_NAMED = 6  # nodes
_ALREADY: dict[Side | AblationKind, str] = {
    "clean": "is the same on the clean and the corrupt prompt of every pair; corrupt what it depends on",
    "corrupt": "is the same on the clean and the corrupt prompt of every pair; corrupt what it depends on",
    "zero": "is zero on every prompt already; name nodes that are active on these prompts",
    "mean": "is on every prompt what it is on average; vary what it depends on, or ablate 'with: zero'",
    "resample": "is on every prompt what it is on the one it is taken from; vary what it depends on, or ablate "
    "'with: zero'",
}


def untested(intervention: Intervention, measured: Measurements) -> str | None:
    """Return why an intervention that moves no score says nothing about its nodes; None where it does.

    It says nothing where it puts in place of every activation what was there already, and where by causality no model
    could show the change at END. Where neither is so, the effect is zero, and a claim from above may pass on it.
    """
    changed, seen = measured.measure(InterventionChanges(intervention))
    what = _what(intervention)
    if not changed.any():
        return f"nothing was changed, so that nothing is shown: the activation of {what} {_ALREADY[intervention.value]}"
    if not seen.any():
        way = " along this path" if intervention.hops else ""
        return (
            f"nothing is shown, as what is changed of {what} cannot reach END{way}, whatever the weights are: it "
            "stands before END, where only attention of later layers could read it; name a label at END, or an "
            "earlier layer"
        )
    return None


def effect_of_zero(intervention: Intervention, measured: Measurements) -> str:
    """Return what is known of an intervention that changes activations but moves no score."""
    changed, _ = measured.measure(InterventionChanges(intervention))
    of_all = "every prompt" if changed.all() else f"{int(changed.sum())} of {len(changed)} prompts"
    return (
        f"the effect is zero: the activation of {_what(intervention)} is changed on {of_all}, and the change moves no "
        "score by more than rounding"
    )


def _what(intervention: Intervention) -> str:
    where = "" if intervention.at is None else f" at {intervention.at}"
    names = [str(node) for node in intervention.nodes]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{listed(names[:MAX_NAMED])}{more}{where}"
