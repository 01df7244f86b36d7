"""A model that is judged against another one, its base: it runs under the claims made for that."""

from __future__ import annotations

from collections.abc import Iterable

from mi_checks.errors import MiChecksError
from mi_checks.models.names import resolve
from mi_checks.spec.model_shape import ModelShape


def under_base(models: Iterable[str], base: str) -> tuple[str, ...]:
    """`FOLDER` → `BASE=FOLDER`, for each model; one that is given so already stays.

    Raises:
        MiChecksError: there is no such base, no model is named, or one is held to other claims.
    """
    claims = resolve(base).claims
    given = tuple(models)
    if not given:
        raise MiChecksError(f"--mi-base {base}: name the model that is judged against it: --mi-model FOLDER")
    for model in given:
        found = resolve(model)
        own = found.claims
        if found.stands_in and own != claims:
            raise MiChecksError(
                f"--mi-base {base}: --mi-model {model} is held to what is claimed of {own!r}; leave out '{own}=', or "
                "name that as the base"
            )
    return tuple(model if resolve(model).stands_in else f"{claims}={model}" for model in given)


def check_same_heads(base: str, model: str, shapes: tuple[ModelShape | None, ModelShape | None]) -> None:
    """Nothing, where the heads of both can be called by the same names, as far as is known.

    Raises:
        MiChecksError: they have not as many layers, heads or neurons.
    """
    first, second = shapes
    if first is None or second is None:
        return
    sizes = [(shape.n_layers, shape.n_heads, shape.d_mlp, shape.has_mlps) for shape in (first, second)]
    if sizes[0] != sizes[1]:
        raise MiChecksError(
            f"--mi-base {base} has {_told(first)}, and {model} {_told(second)}: a head of one is no head of the other; "
            "judge it against a model of its own shape"
        )


def _told(shape: ModelShape) -> str:
    mlp = f"{shape.d_mlp} neurons in each" if shape.d_mlp else "MLPs without neurons" if shape.has_mlps else "no MLPs"
    layers, heads = (
        f"{n} {what}{'' if n == 1 else 's'}" for n, what in ((shape.n_layers, "layer"), (shape.n_heads, "head"))
    )
    return f"{layers} of {heads} and {mlp}"
