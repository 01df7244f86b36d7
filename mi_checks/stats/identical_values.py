"""Values that are the same on every prompt but for rounding, and what can be said of their mean.

A sample without any variation has no standard error, but it is not certain either: of n observations that are all
alike, a fraction q = 1 − 0.025^(1/n) of the population may still differ. Fewer than 64 are refused: see `refusals`. The
interval of the value v of 64 or more supposes that those that differ have no effect, or twice the effect: v ± |v| q,
which is v ± 6 % for 64 prompts. It is the Dirichlet test with the observation added there, since the weight of one of
n + 1 observations has the distribution Beta(1, n).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.floor import Floats
from mi_checks.stats.sampling import SamplingDesign

ROUNDING = 1e-5  # of the largest value; float32 has seven digits, of which sums over a layer lose up to two


def are_identical(values: Floats) -> npt.NDArray[np.bool_]:
    """Return whether values are the same on every prompt but for rounding, and not zero, `… prompt` → `…`."""
    reach = 2 * ROUNDING * np.abs(values).max(-1)
    found = np.asarray(values.any(-1) & (values.max(-1) - values.min(-1) <= reach))  # further apart, one differs surely
    found[found] = ~differing(values[found]).any(-1)
    return found


def differing(values: Floats) -> npt.NDArray[np.bool_]:
    """Return which values differ from their median by more than rounding, `… prompt`."""
    tolerance = ROUNDING * np.abs(values).max(-1, keepdims=True)
    return np.asarray(np.abs(values - np.median(values, axis=-1, keepdims=True)) > tolerance)


def identical_ends(value: float, design: SamplingDesign) -> tuple[float, float]:
    """Return the ends of the interval of a mean of identical values."""
    reach = abs(value) * float(1 - ALPHA_PER_SIDE ** (1 / design.observations))
    return value - reach, value + reach


def identical_p_value(value: float, bound: Bound, design: SamplingDesign) -> float:
    """Return the p-value of H0 «the mean of values that are all `value` is outside the bound»."""
    p_values = [0.0]
    for side, sign in ((bound.at_least, 1.0), (bound.at_most, -1.0)):
        if side is not None:
            distance = sign * (value - side) / abs(value)
            p_values.append(float(np.clip(1 - distance, 0.0, 1.0)) ** design.observations)
    return max(p_values)
