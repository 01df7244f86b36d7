"""Sentences on inconclusive estimates: why there is no interval, and how much more would settle a claim."""

from __future__ import annotations

from mi_checks.output.numbers import count
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Refusal
from mi_checks.stats.judgement import observations_to_settle


def refusal_text(refusal: Refusal) -> str:
    """Return why no verdict may rest on an estimate, with the remedy, as one sentence without a full stop."""
    have, need = refusal.have, refusal.need
    match refusal.reason:
        case "few prompts":
            return (
                f"{count(have, 'prompt')} {_are(have)} too few for an interval; use at least {need} (--mi-count {need})"
            )
        case "few rows":
            return (
                f"the prompts share {count(have, 'value')} of '{refusal.factor}', too few for a claim about more of "
                f"their kind; give it at least {need} and better many more, or write 'rows: fixed' if the claim is "
                "about exactly these"
            )
        case "few different values":
            different = "no prompt differs" if have == 0 else f"only {have} of the prompts differ"
            return (
                f"almost all prompts have the same value ({different}), so that a rare other value may be missing by "
                f"chance; about {need:,} prompts would do (--mi-count {need})"
            )
        case "few observations for the tests":
            of = f"values of '{refusal.factor}'" if refusal.factor else "prompts"
            return (
                f"{refusal.tests:,} tests together need at least {need} {of}, and there {_are(have)} {have}; use more, "
                "or test fewer nodes (key 'layers')"
            )


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


def settling_text(estimate: Estimate, bound: Bound) -> str:
    """Return how many prompts, or rows, would move the bound out of the interval, as a clause."""
    enough = observations_to_settle(estimate, bound)
    if enough is None:
        return "the estimate lies on the bound, so that more prompts would not settle it"
    if estimate.clusters is None:
        return f"about {enough} prompts would settle it (--mi-count {enough})"
    return (
        f"about {enough} values of '{estimate.clustered_by}' instead of {estimate.clusters} would settle it; more "
        "prompts of the same values help little"
    )
