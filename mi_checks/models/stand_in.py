"""Other weights under a model's name (`NAME=FOLDER`): measured under its claims, and never written down as its own."""

from __future__ import annotations

from mi_checks.errors import MiChecksError
from mi_checks.models.names import ModelName, is_known, resolve

SHOWN = 12  # digits of a hash


def refuse_update(model: ModelName, option: str) -> None:
    """Nothing, where what a run finds may be written down as the model's: its own weights, as far as is known here.

    Args:
        model: what runs.
        option: what asks for it to be written.

    Raises:
        MiChecksError: it stands in for a model whose own weights are others, or may be.
    """
    if model.given == model.claims or not is_known(model.claims):
        return
    from mi_checks.models.weights import weights_sha256  # loads torch

    name = model.claims
    try:
        own = weights_sha256(resolve(name))
    except MiChecksError:  # it is not fetched
        own = None
    here = weights_sha256(model)
    if own in (None, here):
        return
    why = f"its weights are {here[:SHOWN]}" if here else "of its weights nobody knows before they are loaded"
    raise MiChecksError(
        f"--mi-model {model.given}: {option} would record it as {name}: {why}, and those of {name} itself are "
        f"{str(own)[:SHOWN]}; leave out {option}"
    )
