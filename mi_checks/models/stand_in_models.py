"""Models that run under the claims about another model (`NAME=MODEL`), which are never recorded as that model."""

from __future__ import annotations

from collections.abc import Iterable

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import ModelName, is_known, resolve
from mi_checks.spec.node_names import ModelShape

N_SHOWN_DIGITS = 12  # digits of a hash that a message shows


def under_reference_model(models: Iterable[str], reference: str) -> tuple[str, ...]:
    """Return `REFERENCE=MODEL` for each model, and a model that is already written in this form unchanged.

    Args:
        models: models as the user named them.
        reference: the reference model.

    Raises:
        MiChecksError: the reference model does not exist, no model is named, or one runs under other claims.
    """
    claims = resolve(reference).claims
    names = tuple(models)
    if not names:
        raise MiChecksError(f"--mi-base {reference}: no model is compared with it; name one with --mi-model FOLDER")
    for model in names:
        resolved = resolve(model)
        own_claims = resolved.claims
        if resolved.stands_in and own_claims != claims:
            raise MiChecksError(
                f"--mi-base {reference}: --mi-model {model} runs under the claims about {own_claims!r}; leave out "
                f"'{own_claims}=', or name {own_claims} as the reference model"
            )
    return tuple(model if resolve(model).stands_in else f"{claims}={model}" for model in names)


def check_same_heads(reference: str, model: str, shapes: tuple[ModelShape | None, ModelShape | None]) -> None:
    """Raise if the heads of two models do not correspond, as far as their shapes are known.

    Args:
        reference: the reference model.
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
            f"--mi-base {reference} has {_shape_text(first)}, and {model} {_shape_text(second)}: their heads do not "
            "correspond; compare it with a model of the same shape"
        )


def _shape_text(shape: ModelShape) -> str:
    mlp = f"{shape.d_mlp} neurons in each" if shape.d_mlp else "MLPs without neurons" if shape.has_mlps else "no MLPs"
    layers, heads = (
        f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((shape.n_layers, "layer"), (shape.n_heads, "head"))
    )
    return f"{layers} of {heads} and {mlp}"


def refuse_update(model: ModelName, option: str) -> None:
    """Raise if results of a run must not be recorded under a model's name, because its weights are not that model's.

    Args:
        model: the model that runs.
        option: the option that asks for recording.

    Raises:
        MiChecksError: the model runs under the name of a model with other weights, or possibly other weights.
    """
    if model.name_as_given == model.claims or not is_known(model.claims):
        return
    name = model.claims
    try:
        own_sha256 = resolve(name).weights_sha256()
    except MiChecksError:  # the model has not been downloaded
        own_sha256 = None
    model_sha256 = model.weights_sha256()
    if own_sha256 is None or own_sha256 == model_sha256:
        return
    if model_sha256 is None:
        why = f"its weights cannot be compared with those of {name} before they are loaded"
    else:
        why = f"its weights ({model_sha256[:N_SHOWN_DIGITS]}) are not those of {name} ({own_sha256[:N_SHOWN_DIGITS]})"
    raise MiChecksError(
        f"--mi-model {model.name_as_given}: {option} would record it as {name}, but {why}; leave out {option}"
    )
