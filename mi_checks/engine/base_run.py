"""Results of the clean and the corrupted run without intervention."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
N_TOP_TOKENS = 5  # number of most probable tokens stored for each prompt


@dataclass(frozen=True)
class SideRun:
    """The clean or the corrupted run at the answer position.

    Attributes:
        logit_diff: logit(answer) − mean (or max) logit(foils), `prompt`.
        beats_foils: the answer's logit is above every foil's by more than rounding, `prompt`.
        is_top: the answer's logit is the highest of the vocabulary by more than rounding, `prompt`.
        top_tokens: ids of the most probable tokens, most probable first, `prompt rank`.
        top_probabilities: their probabilities, `prompt rank`.
        rounding: by how much rounding may change the score, in its units, `prompt`; see `mi_checks.engine.rounding`.
    """

    logit_diff: Floats
    beats_foils: npt.NDArray[np.bool_]
    is_top: npt.NDArray[np.bool_]
    top_tokens: npt.NDArray[np.int64]
    top_probabilities: Floats
    rounding: Floats

    def guesses(self, prompt: int) -> list[tuple[int, float]]:
        """Return the most probable tokens of one prompt, as (token id, probability)."""
        return list(zip(self.top_tokens[prompt].tolist(), self.top_probabilities[prompt].tolist(), strict=True))


@dataclass(frozen=True)
class BaseRun:
    """The clean and the corrupted run of a batch."""

    clean: SideRun
    corrupt: SideRun

    @property
    def effect_size(self) -> Floats:
        """Return the effect size, `prompt`: clean − corrupted logit difference, which patching can recover."""
        return self.clean.logit_diff - self.corrupt.logit_diff

    @property
    def rounding(self) -> Floats:
        """Return by how much rounding may change a difference of two scores, `prompt`."""
        larger: Floats = np.maximum(self.clean.rounding, self.corrupt.rounding)
        return larger
