"""Series of checkpoints, each of one training run and in its order, from models as the user names them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.errors import MiChecksError
from mi_checks.models.model_checkpoints import SERIES_SUFFIX, expand_series, series_models, training_step
from mi_checks.models.model_names import bundled_checkpoints, resolve, without_checkpoint_label


@dataclass(frozen=True)
class CheckpointSeries:
    """The checkpoints of one training run, at least two.

    Attributes:
        model: the model that they are checkpoints of, as the user names it.
        names: the name of each, as the user may write it.
        steps: the training step of each, if known.
        claims: the model under whose claims all of them are measured, so that bounds and prompts are the same.
    """

    model: str
    names: tuple[str, ...]
    steps: tuple[int | None, ...]
    claims: str

    @property
    def measured(self) -> tuple[str, ...]:
        """Return the name of each checkpoint under which it is measured with the claims of the series."""
        return tuple(
            name if resolve(name).stands_in or name == self.model else f"{self.model}={name}" for name in self.names
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the labels `200`, `400`, …; the last checkpoint's is its step, or `end`."""
        return tuple(
            "end" if step is None and name == self.model else resolve(name).label or name if step is None else str(step)
            for name, step in zip(self.names, self.steps, strict=True)
        )

    @property
    def places(self) -> tuple[float, ...]:
        """Return the position of each checkpoint on an axis: its step, or its index if any step is unknown."""
        known = [float(step) for step in self.steps if step is not None]
        return tuple(known) if len(known) == len(self.steps) else tuple(map(float, range(len(self.steps))))

    @property
    def by_step(self) -> bool:
        """Return whether the places are training steps."""
        return None not in self.steps


def chosen_series(names: Sequence[str]) -> tuple[CheckpointSeries, ...]:
    """Return the series given as `MODEL@*` or checkpoint by checkpoint; without names, each bundled series.

    Raises:
        MiChecksError: a name is unknown or must be fetched first, a model has no checkpoints, or only one checkpoint of
            a model is given.
    """
    members: dict[str, list[str]] = {}
    for name in expand_series(names or tuple(f"{model}{SERIES_SUFFIX}" for model in _with_checkpoints())):
        resolve(name).check_loadable()
        members.setdefault(_trained(name), []).append(name)
    return tuple(_series(model, names_of_model) for model, names_of_model in members.items())


def _series(model: str, names: list[str]) -> CheckpointSeries:
    if len(names) < 2:
        whole = series_models(f"{model}{SERIES_SUFFIX}")  # raises if there are none, because that is the mistake
        raise MiChecksError(
            f"emergence needs at least two checkpoints of {model!r}, but only {names[0]} is given; "
            f"use '{model}{SERIES_SUFFIX}' for all {len(whole)}, or name another"
        )
    steps = {name: training_step(name) for name in names}

    def order(name: str) -> tuple[bool, int]:
        return name == model, steps[name] or 0

    ordered = sorted(names, key=order)
    return CheckpointSeries(model, tuple(ordered), tuple(steps[name] for name in ordered), resolve(model).claims)


def _trained(name: str) -> str:
    """Return the model that a name is a checkpoint of, such as `nano-attn-2l` for `nano-attn-2l@200` and for itself."""
    return without_checkpoint_label(name)


def _with_checkpoints() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition("@")[0] for name in bundled_checkpoints()))
