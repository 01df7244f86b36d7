"""The rounding floor: the largest difference of two scores that rounding alone can produce."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoundingFloor:
    """The largest difference of two scores that rounding alone can produce.

    Attributes:
        per_prompt: that difference on each prompt, in the unit of the score, `prompt`.
        unit: the unit of the score.
    """

    per_prompt: Floats
    unit: str = "logits"

    @property
    def mean(self) -> float:
        """Return the largest mean over the prompts that rounding can produce."""
        return float(self.per_prompt.mean())

    def select(self, prompts: slice) -> RoundingFloor:
        """Return the floor for some of the prompts."""
        return RoundingFloor(self.per_prompt[prompts], self.unit)

    def covers(self, differences: Floats) -> npt.NDArray[np.bool_]:
        """Return whether no difference on any prompt exceeds the floor, `… prompt` → `…`."""
        return np.asarray((np.abs(differences) <= self.per_prompt).all(-1))

    def without_rounding(self, differences: Floats) -> Floats:
        """Return differences, `… prompt`, with zeros where no prompt exceeds the floor."""
        return np.where(self.covers(differences)[..., None], 0.0, differences)
