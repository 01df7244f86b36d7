"""What a file declares about a model before anything is measured on it."""

from __future__ import annotations

from mi_checks.errors import MiChecksError
from mi_checks.models.names import resolve
from mi_checks.spec.load_file import LoadedBehaviour


def refuse_absent(loaded: LoadedBehaviour, model: str) -> None:
    """Raise if the behaviour is declared absent from the model.

    Raises:
        MiChecksError: there is no such model, or the behaviour is declared absent from it.
    """
    claims = resolve(model).claims
    if loaded.behaviour.models.get(claims) == "absent":
        place = loaded.place_of(("models", claims))
        raise MiChecksError(
            f"{place.file}:{place.line}: {loaded.behaviour.name} is declared absent from {claims}, so there is nothing "
            "to discover; take the declaration out to look all the same"
        )
