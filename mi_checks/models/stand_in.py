"""Other weights under a model's name (`NAME=FOLDER`): they are measured under its claims, but never recorded as it."""

from __future__ import annotations

from mi_checks.errors import MiChecksError
from mi_checks.models.names import ModelName, is_known, resolve

N_SHOWN_DIGITS = 12  # digits of a hash that a message shows


def refuse_update(model: ModelName, option: str) -> None:
    """Raise if results of a run must not be recorded under a model's name, because its own weights are others.

    Args:
        model: the model that runs.
        option: the option that asks for recording.

    Raises:
        MiChecksError: the model runs under the name of one whose own weights are others, or may be.
    """
    if model.given == model.claims or not is_known(model.claims):
        return
    from mi_checks.models.weights import weights_sha256  # loads torch

    name = model.claims
    try:
        own = weights_sha256(resolve(name))
    except MiChecksError:  # the model has not been downloaded
        own = None
    here = weights_sha256(model)
    if own in (None, here):
        return
    why = f"its weights are {here[:N_SHOWN_DIGITS]}" if here else "of its weights nobody knows before they are loaded"
    raise MiChecksError(
        f"--mi-model {model.given}: {option} would record it as {name}: {why}, and those of {name} itself are "
        f"{str(own)[:N_SHOWN_DIGITS]}; leave out {option}"
    )
