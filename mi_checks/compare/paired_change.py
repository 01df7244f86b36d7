"""How well two runs agree prompt by prompt, though their means may be equal.

Prompts and weights fix every value, so that single prompts have no sampling error: what another machine, engine or
library changes is rounding, and what is more than that is another model. No test is needed, only a margin.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from mi_checks.output.numbers import number
from mi_checks.stats.bootstrap import Floats

MATTERS = 0.01  # in the effect's own unit, or of its mean where that is more; float32 rounding is a twentieth of it
# Of the standard deviation over prompts. On the bundled models both engines differ by 0.00001 of it in float32, and by
# 0.04 to 0.08 in bfloat16; weights rounded to 8 bits move prompts by 0.03 to 0.07 of it, to 6 bits by 0.1 to 0.25, to
# 4 bits by more than 0.5. At a tenth the values of two runs still correlate by 0.995.
SPREAD_MATTERS = 0.1
MAX_ROUNDED_FLIPS = 1  # prompts whose yes or no may turn by rounding: it takes a tie


@dataclass(frozen=True)
class PromptAgreement:
    """A paired comparison of single prompts.

    Attributes:
        rms: the root mean square of the prompts' differences, in the effect's unit.
        margin: the largest that is not another model.
        correlation: of the values then and now; None where one of them is constant.
        flipped: of a value that is yes or no, how many prompts turned; None of others.
        n: prompts.
    """

    rms: float
    margin: float
    correlation: float | None
    flipped: int | None
    n: int

    @property
    def apart(self) -> bool:
        """Whether single prompts differ by more than rounding."""
        return self.flipped > MAX_ROUNDED_FLIPS if self.flipped is not None else self.rms > self.margin

    def text(self, unit: str) -> str:
        """Return `prompts differ by 1.700 logits (root mean square; margin 0.437; correlation 0.850)`."""
        if self.flipped is not None:
            return f"{self.flipped} of {self.n} prompts come out otherwise"
        related = "" if self.correlation is None else f"; correlation {number(self.correlation, 3)}"
        margin = f"margin {number(self.margin, 3)}"
        return f"prompts differ by {number(self.rms, 3)} {unit} (root mean square; {margin}{related})"


def agreement(then: Floats, now: Floats, *, yes_or_no: bool) -> PromptAgreement:
    """Compare two runs prompt by prompt.

    Args:
        then: `prompt`, of the earlier run.
        now: `prompt`, of the later one, on the same prompts.
        yes_or_no: whether values are 1 for a prompt that passes and 0 for one that does not.
    """
    rms = math.sqrt(float(((now - then) ** 2).mean()))
    spreads = float(then.std()), float(now.std())
    margin = max(MATTERS, MATTERS * abs(float(then.mean())), SPREAD_MATTERS * spreads[0])
    correlation = float(np.corrcoef(then, now)[0, 1]) if min(spreads) > 0 else None
    flipped = int((then != now).sum()) if yes_or_no else None
    return PromptAgreement(rms, margin, correlation, flipped, len(then))
