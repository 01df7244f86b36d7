"""The selection of one check of a file, by id, as claimed for a model."""

from __future__ import annotations

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import placed_checks
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.preference_checks import ABSENT, AbsentCheck
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Position


def claimed_checks(loaded: LoadedBehaviour, claims: str) -> list[tuple[Check, Position]]:
    """Return the checks that are claimed for a model, without the checks of roles, with their places in the file."""
    return [
        (check, loaded.place_of(path[:2]))
        for path, check in placed_checks(loaded.behaviour)
        if loaded.behaviour.claims(check, claims)
    ]


def claimed(loaded: LoadedBehaviour, claims: str, check: str) -> tuple[Check, Position]:
    """Return the check with the given id that a file claims for a model, with its place.

    Raises:
        MiChecksError: the file claims nothing about that model, has no such check for it, or the check is a role's.
    """
    behaviour, shown = loaded.behaviour, loaded.source.shown
    if claims not in behaviour.models:
        raise MiChecksError(
            f"{shown} claims nothing of {claims!r}; say with --model whose claims the checkpoints are held to: "
            f"{listed(behaviour.models)}{did_you_mean(claims, behaviour.models)}"
        )
    if behaviour.models[claims] == ABSENT:
        checks: dict[str, tuple[Check, Position]] = {ABSENT: (AbsentCheck(), loaded.place_of(("models", claims)))}
    else:
        checks = {each.id: (each, place) for each, place in claimed_checks(loaded, claims)}
    if check not in checks:
        if check in {each.id for each in behaviour.role_checks}:
            raise MiChecksError(
                f"{check} says where a role is bound, not what a checkpoint does; bisect one of {listed(checks)}"
            )
        raise MiChecksError(
            f"{shown} has no check {check!r} of {claims}; it has {listed(checks)}{did_you_mean(check, checks)}"
        )
    return checks[check]
