"""Mutations of claims about what a model prefers, or does not."""

from __future__ import annotations

from mi_checks.models.names import bundled
from mi_checks.models.subject import Subject
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import LogitsTurned, Silenced
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, ModelEntry
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


def models_that_have(behaviour: Behaviour) -> tuple[str, ...]:
    """Bundled models for which it is declared present; first those held to the same bounds as an absent one."""
    ship = bundled()
    entries = {
        name: entry for name, entry in behaviour.models.items() if name in ship and isinstance(entry, ModelEntry)
    }
    preferences = [entry.check for entry in behaviour.checks if entry.check.kind in BEHAVIOURAL]

    def held_to_less(name: str) -> bool:
        return any(check.id in entries[name].bounds or not behaviour.claims(check, name) for check in preferences)

    return tuple(sorted(entries, key=held_to_less))  # stable: else in the order of the file


def comparable(subject: Subject, other: Subject) -> bool:
    """Whether two models read the same prompts."""
    return subject.reads_as == other.reads_as
