"""The floor of a measurement: what rounding alone may make of a difference of two scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Floor:
    """The least difference of two scores that is one: rounding may make up anything smaller.

    Attributes:
        per_prompt: in the score's units, `prompt`.
        unit: what the score is counted in.
    """

    per_prompt: Floats
    unit: str = "logits"

    @property
    def mean(self) -> float:
        """What rounding may make up in a mean over the prompts."""
        return float(self.per_prompt.mean())

    def of(self, prompts: slice) -> Floor:
        """Return the floor of some of the prompts."""
        return Floor(self.per_prompt[prompts], self.unit)

    def covers(self, differences: Floats) -> npt.NDArray[np.bool_]:
        """Return whether no prompt's difference is above the floor, `… prompt` → `…`."""
        return np.asarray((np.abs(differences) <= self.per_prompt).all(-1))

    def cleared(self, differences: Floats) -> Floats:
        """Return differences, `… prompt`, exactly zero where none of their prompts is above the floor."""
        return np.where(self.covers(differences)[..., None], 0.0, differences)
