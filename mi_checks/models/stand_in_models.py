"""Models that run under the claims about another model (`NAME=MODEL`), which are never recorded as that model."""

from __future__ import annotations

from collections.abc import Iterable

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import ModelName, is_known, resolve
from mi_checks.spec.node_names import ModelShape


def under_reference_model(models: Iterable[str], base: str) -> tuple[str, ...]:
    """Return `BASE=MODEL` for each model, and a model that is already written in this form unchanged.

    Args:
        models: models as the user named them.
        base: the reference model.

    Raises:
        MiChecksError: the reference model does not exist, no model is named, or one is held to other claims.
    """
    claims = resolve(base).claims
    names = tuple(models)
    if not names:
        raise MiChecksError(f"--mi-base {base}: name the model that is judged against it: --mi-model FOLDER")
    for model in names:
        resolved = resolve(model)
        own = resolved.claims
        if resolved.stands_in and own != claims:
            raise MiChecksError(
                f"--mi-base {base}: --mi-model {model} is held to what is claimed of {own!r}; leave out '{own}=', or "
                "name that as the base"
            )
    return tuple(model if resolve(model).stands_in else f"{claims}={model}" for model in names)


def check_same_heads(base: str, model: str, shapes: tuple[ModelShape | None, ModelShape | None]) -> None:
    """Raise if the heads of two models do not correspond, as far as their shapes are known.

    Args:
        base: the reference model.
        model: the model that is compared with it.
        shapes: the shapes of both; None if unknown.

    Raises:
        MiChecksError: their numbers of layers, heads or neurons differ.
    """
    first, second = shapes
    if first is None or second is None:
        return
    sizes = [(shape.n_layers, shape.n_heads, shape.d_mlp, shape.has_mlps) for shape in (first, second)]
    if sizes[0] != sizes[1]:
        raise MiChecksError(
            f"--mi-base {base} has {_told(first)}, and {model} {_told(second)}: their heads do not correspond; "
            "judge it against a model of its own shape"
        )


def _told(shape: ModelShape) -> str:
    mlp = f"{shape.d_mlp} neurons in each" if shape.d_mlp else "MLPs without neurons" if shape.has_mlps else "no MLPs"
    layers, heads = (
        f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((shape.n_layers, "layer"), (shape.n_heads, "head"))
    )
    return f"{layers} of {heads} and {mlp}"


N_SHOWN_DIGITS = 12  # digits of a hash that a message shows


def refuse_update(model: ModelName, option: str) -> None:
    """Raise if results of a run must not be recorded under a model's name, because its own weights are others.

    Args:
        model: the model that runs.
        option: the option that asks for recording.

    Raises:
        MiChecksError: the model runs under the name of one whose own weights are others, or may be.
    """
    if model.name_as_given == model.claims or not is_known(model.claims):
        return
    name = model.claims
    try:
        own = resolve(name).weights_sha256()
    except MiChecksError:  # the model has not been downloaded
        own = None
    here = model.weights_sha256()
    if own in (None, here):
        return
    why = f"its weights are {here[:N_SHOWN_DIGITS]}" if here else "of its weights nobody knows before they are loaded"
    raise MiChecksError(
        f"--mi-model {model.name_as_given}: {option} would record it as {name}: {why}, and those of {name} itself are "
        f"{str(own)[:N_SHOWN_DIGITS]}; leave out {option}"
    )
