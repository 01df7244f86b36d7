"""Mutations of claims about what a model prefers."""

from __future__ import annotations

from mi_checks.mutants.claim import Claim
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import LogitsTurned, Silenced
from mi_checks.spec.preference_checks import Accuracy


def logits_turned(claim: Claim) -> tuple[Mutation, ...]:
    """The preference is reversed; a claim that it is small is false then only if it was far on the other side."""
    if claim.from_below or claim.bound is None:
        return (LogitsTurned(),)
    base, against = claim.measured.base, getattr(claim.check, "against", "foils")
    values = base.gap if against == "corrupt" else base.clean.logit_diff
    turned = (values < 0).mean() if isinstance(claim.check, Accuracy) else -values.mean()
    return (LogitsTurned(),) if claim.bound.at_most is not None and turned > claim.bound.at_most else ()


def silenced(claim: Claim) -> tuple[Mutation, ...]:
    """What differs between the prompts cannot reach END without heads, unless it is there already."""
    against = getattr(claim.check, "against", "foils")
    ends = ((pair.clean.tokens[-1], len(pair.clean.tokens), pair.corrupt) for pair in claim.measured.batch.pairs)
    alike = all(token == other.tokens[-1] and length == len(other.tokens) for token, length, other in ends)
    return (Silenced(),) if against == "corrupt" and alike and claim.from_below else ()
