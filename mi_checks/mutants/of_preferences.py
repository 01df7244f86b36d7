"""Mutations for claims about a model's logit difference or accuracy."""

from __future__ import annotations

from mi_checks.models.loaded_model import LoadedModel
from mi_checks.models.names import bundled
from mi_checks.mutants.claim import Claim
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.output_mutations import LogitsTurned, Silenced
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, ModelEntry
from mi_checks.spec.preference_checks import Accuracy


def logits_turned(claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation that negates the logits; for an upper bound, only if the negated value is above the bound."""
    if claim.from_below or claim.bound is None:
        return (LogitsTurned(),)
    base, against = claim.measured.base, getattr(claim.check, "against", "foils")
    values = base.effect_size if against == "corrupt" else base.clean.logit_diff
    turned = (values < 0).mean() if isinstance(claim.check, Accuracy) else -values.mean()
    return (LogitsTurned(),) if claim.bound.at_most is not None and turned > claim.bound.at_most else ()


def silenced(claim: Claim) -> tuple[Mutation, ...]:
    """Return a mutation without heads, for a claim against the corrupt prompt.

    Without heads, a difference between the prompts cannot reach END, unless the prompts differ there already.
    """
    against = getattr(claim.check, "against", "foils")
    ends = ((pair.clean.tokens[-1], len(pair.clean.tokens), pair.corrupt) for pair in claim.measured.batch.pairs)
    alike = all(token == other.tokens[-1] and length == len(other.tokens) for token, length, other in ends)
    return (Silenced(),) if against == "corrupt" and alike and claim.from_below else ()


def models_that_have(behaviour: Behaviour) -> tuple[str, ...]:
    """Return the bundled models declared to have a behaviour, first those held to the same bounds as an absent one."""
    ship = bundled()
    entries = {
        name: entry for name, entry in behaviour.models.items() if name in ship and isinstance(entry, ModelEntry)
    }
    preferences = [entry.check for entry in behaviour.checks if entry.check.kind in BEHAVIOURAL]

    def held_to_less(name: str) -> bool:
        return any(check.id in entries[name].bounds or not behaviour.claims(check, name) for check in preferences)

    return tuple(sorted(entries, key=held_to_less))  # the sort is stable, so ties stay in the order of the file


def comparable(loaded_model: LoadedModel, other: LoadedModel) -> bool:
    """Return whether two models read the same prompts."""
    return loaded_model.reads_as == other.reads_as
