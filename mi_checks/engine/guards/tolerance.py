"""Tolerances: what counts as rounding when a model is compared with itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Tolerance:
    """The limits for one dtype.

    Attributes:
        relative: a fraction of the size of an effect; a wrong formula is off by at least a hundredth.
        absolute: a fraction of the size of the residual stream, whose rounding affects every effect.
        equal: a fraction of the largest entry, for activations that differ only in the order of additions.
    """

    relative: float
    absolute: float
    equal: float

    def error(self, wrong: float, *, effect: float, size: float) -> float:
        """Return a difference as a fraction of an effect or, if larger, of what rounding may change in the stream.

        It exceeds `relative` only if the difference is more than `relative` of the effect and more than `absolute` of
        the size.

        Args:
            wrong: the difference.
            effect: the size of the effect.
            size: the size of the residual stream.
        """
        return wrong / max(effect, size * self.absolute / self.relative, 1e-20)


TOLERANCES = {
    torch.float64: Tolerance(1e-4, 1e-6, 1e-6),  # some modules compute in float32 whatever the weights are
    torch.float32: Tolerance(1e-3, 1e-5, 1e-4),
    torch.float16: Tolerance(2e-2, 5e-3, 1e-2),
    torch.bfloat16: Tolerance(1e-1, 3e-2, 5e-2),
}
