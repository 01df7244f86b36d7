"""Models as the user names them → series of checkpoints of one training each, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.errors import MiChecksError
from mi_checks.models.names import checkpoints, resolve, without_label
from mi_checks.models.series import EACH, series, with_series
from mi_checks.models.steps import training_step


@dataclass(frozen=True)
class Series:
    """The checkpoints of one training, two at least.

    Attributes:
        model: what they are checkpoints of, as the user names it.
        names: of each, as the user may name it.
        steps: the step of each, where it is known.
        claims: the name under whose claims all of them are measured, so that bounds and prompts are the same.
    """

    model: str
    names: tuple[str, ...]
    steps: tuple[int | None, ...]
    claims: str

    @property
    def measured(self) -> tuple[str, ...]:
        """Each as a name that runs under the claims of the series."""
        return tuple(
            name if resolve(name).stands_in or name == self.model else f"{self.model}={name}" for name in self.names
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """`200`, `400`, … and for the end of training its step, or `end`."""
        return tuple(
            "end" if step is None and name == self.model else resolve(name).label or name if step is None else str(step)
            for name, step in zip(self.names, self.steps, strict=True)
        )

    @property
    def places(self) -> tuple[float, ...]:
        """Where each stands on an axis: at its step; where one is not known, all as far apart as each other."""
        known = [float(step) for step in self.steps if step is not None]
        return tuple(known) if len(known) == len(self.steps) else tuple(map(float, range(len(self.steps))))

    @property
    def by_step(self) -> bool:
        """Whether the places are steps of training."""
        return None not in self.steps


def chosen_series(names: Sequence[str]) -> tuple[Series, ...]:
    """The series that are named, by `MODEL@*` or checkpoint by checkpoint; without any, each that is bundled.

    Raises:
        MiChecksError: a name stands for no model or must be fetched first, there are no checkpoints of it, or a model
            is given by one checkpoint alone.
    """
    members: dict[str, list[str]] = {}
    for name in with_series(names or tuple(f"{model}{EACH}" for model in _with_checkpoints())):
        resolve(name).require()
        members.setdefault(_trained(name), []).append(name)
    return tuple(_series(model, found) for model, found in members.items())


def _series(model: str, names: list[str]) -> Series:
    if len(names) < 2:
        whole = series(f"{model}{EACH}")  # where there are none, that is the mistake
        raise MiChecksError(
            f"emergence needs two checkpoints of a model at least, and of {model!r} there is only {names[0]}; "
            f"use '{model}{EACH}' for its {len(whole)}, or name another"
        )
    steps = {name: training_step(name) for name in names}

    def order(name: str) -> tuple[bool, int]:
        return name == model, steps[name] or 0

    ordered = sorted(names, key=order)
    return Series(model, tuple(ordered), tuple(steps[name] for name in ordered), resolve(model).claims)


def _trained(name: str) -> str:
    """Return what a name is a checkpoint of: `nano-attn-2l@200` → `nano-attn-2l`, which is one of itself, its last."""
    return without_label(name)


def _with_checkpoints() -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.partition("@")[0] for name in checkpoints()))
