"""One check of a file, by its id, as it is claimed of a model."""

from __future__ import annotations

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import placed_checks
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.preference_checks import ABSENT, AbsentCheck
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Position


def claimed_checks(loaded: LoadedBehaviour, claims: str) -> list[tuple[Check, Position]]:
    """The checks that a file, or an entry for the model in it, does not keep from a model, with their places."""
    return [
        (check, loaded.place_of(path[:2]))
        for path, check in placed_checks(loaded.behaviour)
        if loaded.behaviour.claims(check, claims)
    ]


def claimed(loaded: LoadedBehaviour, claims: str, check: str) -> tuple[Check, Position]:
    """The check of that id which a file claims of a model, with its place.

    Raises:
        MiChecksError: it claims nothing of that model, no such check, or the check is a role's.
    """
    behaviour, shown = loaded.behaviour, loaded.source.shown
    if claims not in behaviour.models:
        raise MiChecksError(
            f"{shown} claims nothing of {claims!r}; say with --model whose claims the checkpoints are held to: "
            f"{listed(behaviour.models)}{did_you_mean(claims, behaviour.models)}"
        )
    if behaviour.models[claims] == ABSENT:
        found: dict[str, tuple[Check, Position]] = {ABSENT: (AbsentCheck(), loaded.place_of(("models", claims)))}
    else:
        found = {each.id: (each, place) for each, place in claimed_checks(loaded, claims)}
    if check not in found:
        if check in {each.id for each in behaviour.role_checks}:
            raise MiChecksError(
                f"{check} says where a role is bound, not what a checkpoint does; bisect one of {listed(found)}"
            )
        raise MiChecksError(
            f"{shown} has no check {check!r} of {claims}; it has {listed(found)}{did_you_mean(check, found)}"
        )
    return found[check]
