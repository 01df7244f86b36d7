"""Weighted sums of absolute means, as a fraction of a whole: completeness, and the area between a curve and one."""

from __future__ import annotations

import numpy as np

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA_PER_SIDE, Estimate, Parts
from mi_checks.stats.floor import Floats, RoundingFloor
from mi_checks.stats.intervals import mean_interval, mean_intervals, ratio_intervals, require_effect_size
from mi_checks.stats.mean_tests import bound_p_value, mean_p_values
from mi_checks.stats.refusals import refusals, too_few_for_family
from mi_checks.stats.sampling import Integers, SamplingDesign

FOLDS = 8  # groups of prompts, or of rows
METHOD = "significant differences below, all differences above"


class AbsoluteMeans:
    """Σ_k weight_k · |mean difference_k| / mean whole, with an interval that holds on both sides.

    The mean of |mean difference| over the same prompts is biased upwards (Jensen's inequality), which matters where
    differences are near zero. Each side of the interval therefore rests on another sum, both linear in the differences
    once their signs are chosen. The lower end is that of the sum over the differences whose sign is significant after
    Bonferroni's correction for their number: a difference of zero enters it in at most 2.5 % of samples, together with
    all others. The upper end is that of the sum over all differences with their observed signs, which is biased
    upwards. For the estimate, each of eight groups of prompts, or of rows, has its signs from the other groups.

    Attributes:
        value: the estimate.
        largest: the place of the largest absolute mean difference.
    """

    def __init__(
        self,
        differences: Floats,
        whole: Floats,
        design: SamplingDesign,
        of: str,
        *,
        weights: Floats | None = None,
        floor: RoundingFloor | None = None,
    ) -> None:
        """Choose the signs.

        Args:
            differences: `difference prompt`.
            whole: `prompt`.
            design: how the prompts were drawn.
            of: the name of the whole.
            weights: `difference`; None for the mean over differences.
            floor: the rounding floor: differences that exceed it on no prompt count as zero.

        Raises:
            NoEffectSize: the mean of `whole` is not significantly above zero.
        """
        require_effect_size(whole, design, of, floor)
        differences = differences if floor is None else floor.without_rounding(differences)
        weights = np.full(len(differences), 1 / len(differences)) if weights is None else weights
        self._whole, self._design, self._of, self._floor = whole, design, of, floor
        means = differences.mean(1)
        self._plugged: Floats = (weights * np.sign(means)) @ differences
        signs = _significant_signs(differences, design)
        self._significant: Floats = (weights * signs) @ differences
        self.value = max(float(_cross_fitted(differences, weights, design).mean() / whole.mean()), 0.0)
        self.largest = int(np.abs(means).argmax())

    @property
    def estimate(self) -> Estimate:
        """Return the fraction of the whole with its interval."""
        both = np.stack([self._significant, self._plugged])
        return self._with_ends(self.value, *ratio_intervals(both, self._whole, self._design, self._of, self._floor))

    def parts(self, unit: str) -> Parts:
        """Return the weighted sum in the unit of the score, and the whole."""
        both = np.stack([self._significant, self._plugged])
        below, above = mean_intervals(both, unit, self._design, floor=self._floor)
        numerator = self._with_ends(self.value * float(self._whole.mean()), below, above)
        return Parts(numerator, mean_interval(self._whole, unit, self._design), self._of)

    def p_value(self, bound: Bound) -> float:
        """Return the p-value of H0 «the fraction is outside the bound»."""
        p_values = [0.0]
        if bound.at_least is not None:
            at_least = Bound(at_least=bound.at_least)
            p_values.append(bound_p_value(self._significant, at_least, self._design, whole=self._whole))
        if bound.at_most is not None:
            at_most = Bound(at_most=bound.at_most)
            p_values.append(bound_p_value(self._plugged, at_most, self._design, whole=self._whole))
        return max(p_values)

    def _with_ends(self, value: float, below: Estimate, above: Estimate) -> Estimate:
        """Return an estimate with the lower end of one interval and the upper end of another."""
        refusal = below.refusal or above.refusal
        low, high = (value, value) if refusal else (min(max(below.low, 0.0), value), max(above.high, value))
        return Estimate(value, low, high, self._design.n, below.unit, METHOD, **self._design.clustered, refusal=refusal)


def _significant_signs(differences: Floats, design: SamplingDesign) -> Floats:
    """Return the signs of mean differences, `difference prompt` → `difference`; zero where they are not significant.

    No sign is significant if there are too few prompts, or rows, for so many tests.
    """
    if too_few_for_family(design, len(differences)) is not None:
        return np.zeros(len(differences))
    level = ALPHA_PER_SIDE / len(differences)
    signs = np.sign(differences.mean(1))
    is_significant = 2 * mean_p_values(signs[:, None] * differences, design, level / 2) < level
    can_be_tested = np.array([each is None for each in refusals(differences, design)])
    return np.where(is_significant & can_be_tested, signs, 0.0)


def _cross_fitted(differences: Floats, weights: Floats, design: SamplingDesign) -> Floats:
    """Return weighted sums of differences with the signs that they have in other groups of prompts, `prompt`.

    If prompts share rows, groups are of rows of the factor with the fewest.
    """
    unit: Integers = design.cluster_rows[0] if design.clustering else np.arange(design.n)
    fold = unit % min(FOLDS, int(unit.max()) + 1)
    total = differences.sum(1)
    sums = np.empty(design.n)
    for k in range(int(fold.max()) + 1):
        inside = fold == k
        sums[inside] = (weights * np.sign(total - differences[:, inside].sum(1))) @ differences[:, inside]
    return sums
