"""The sentence of a refusal: why an estimate has no interval, and what would give it one."""

from __future__ import annotations

from mi_checks.output.numbers import count
from mi_checks.stats.estimate import Refusal


def refusal_text(refusal: Refusal) -> str:
    """Return why no verdict may rest on an estimate, with the remedy, as one sentence without a full stop."""
    have, need = refusal.have, refusal.need
    match refusal.reason:
        case "few prompts":
            return f"{count(have, 'prompt')} {_are(have)} too few for an interval; use at least {need} (--mi-count {need})"
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
