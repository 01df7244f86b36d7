"""What the uninterrupted clean and corrupt runs say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
TOP = 5  # predictions kept per prompt


@dataclass(frozen=True)
class SideRun:
    """One side (clean or corrupt) at the answer position.

    Attributes:
        logit_diff: logit(answer) − mean (or max) logit(foils), `prompt`.
        beats_foils: the answer's logit is above every foil's by more than rounding, `prompt`.
        is_top: the answer's logit is the highest of the vocabulary by more than rounding, `prompt`.
        top_tokens: ids of the most probable tokens, most probable first, `prompt rank`.
        top_probabilities: their probabilities, `prompt rank`.
        rounding: what rounding may change in the score, in its units, `prompt`; see `mi_checks.engine.rounding`.
    """

    logit_diff: Floats
    beats_foils: npt.NDArray[np.bool_]
    is_top: npt.NDArray[np.bool_]
    top_tokens: npt.NDArray[np.int64]
    top_probabilities: Floats
    rounding: Floats

    def guesses(self, prompt: int) -> list[tuple[int, float]]:
        """The most probable tokens of one prompt, as (token id, probability)."""
        return list(zip(self.top_tokens[prompt].tolist(), self.top_probabilities[prompt].tolist(), strict=True))


@dataclass(frozen=True)
class BaseRun:
    """The clean and the corrupt run of a batch."""

    clean: SideRun
    corrupt: SideRun

    @property
    def gap(self) -> Floats:
        """clean − corrupt logit difference, `prompt`: what there is to recover or remove."""
        return self.clean.logit_diff - self.corrupt.logit_diff

    @property
    def rounding(self) -> Floats:
        """What rounding may change in a difference of two scores, `prompt`."""
        larger: Floats = np.maximum(self.clean.rounding, self.corrupt.rounding)
        return larger
