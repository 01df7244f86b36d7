"""What a behaviour file claims of a model, however the user names that."""

from __future__ import annotations

from collections.abc import Sequence

from mi_checks.errors import MiChecksError
from mi_checks.models.names import resolve
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import is_portable, roles_for
from mi_checks.spec.load_file import LoadedBehaviour, claimed_checks
from mi_checks.spec.preference_checks import ABSENT, AbsentCheck
from mi_checks.spec.problems import SpecError
from mi_checks.spec.shapes import check_shapes
from mi_checks.spec.yaml_source import Position


def checks_on(loaded: LoadedBehaviour, model: str) -> Sequence[tuple[Check, Position]]:
    """Return the checks of a behaviour on a model, with their places; for a model declared absent, that alone.

    Roles come first. On a model that the behaviour does not name no node has a name, so only what it prefers is
    checked, and what is claimed of roles and groups alone.

    Raises:
        SpecError: a claimed node lies outside the model, or the file names a model that is not there.
        MiChecksError: there is no such model, and the file does not name it.
    """
    behaviour = loaded.behaviour
    try:
        name = resolve(model)
    except MiChecksError as error:
        if model not in behaviour.models:
            raise
        raise SpecError([loaded.source.problem(("models", model), str(error), of_key=True)]) from None
    claims = name.claims
    if behaviour.models.get(claims) == ABSENT:
        return [(AbsentCheck(), loaded.place_of(("models", claims)))]
    shape = name.shape if claims in behaviour.models else None
    if shape is not None:  # a folder may hold another shape than the model whose claims it is held to
        problems = check_shapes(loaded, {claims: shape})
        if problems:
            raise SpecError(problems)
    roles = [(role, loaded.place_of(("roles", role.name))) for role in roles_for(behaviour, claims)]
    named = claims in behaviour.models
    checks = [each for each in claimed_checks(loaded, claims) if named or is_portable(each[0], behaviour)]
    return [*roles, *checks]
