"""A model that has the behaviour, to be taken for one that is declared not to have it."""

from __future__ import annotations

from mi_checks.models.names import bundled
from mi_checks.models.subject import Subject
from mi_checks.spec.behaviour import BEHAVIOURAL, Behaviour, ModelEntry


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
