"""Weighted sums of absolute means, as a fraction of a whole: completeness, and the area between a curve and one."""

from __future__ import annotations

import numpy as np

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Parts
from mi_checks.stats.floor import Floats, RoundingFloor
from mi_checks.stats.interval_ends import mean_ends, ratio_ends
from mi_checks.stats.intervals import mean_interval, require_effect_size
from mi_checks.stats.mean_tests import bound_p_value
from mi_checks.stats.refusals import MIN_OBSERVATIONS, refusals, too_few
from mi_checks.stats.sampling import Integers, SamplingDesign

FOLDS, SIGN_EVERY = 8, 3  # observations
EQUAL = 1e-12  # of the whole; a smaller difference between fractions is rounding
METHOD = "signs and values from different prompts"


class AbsoluteMeans:
    """Σ_k weight_k · |mean difference_k| / mean whole, with an interval that holds on both sides.

    The mean of |mean difference| over the same prompts is biased upwards (Jensen's inequality), which matters where
    differences are near zero. A sign that is taken from other prompts is independent of the values that it multiplies,
    so that the mean of sign · difference is at most the true absolute mean, in expectation: it errs downwards where
    signs are unsure. For the lower end every third observation gives the signs and the others the values, which are
    independent given the signs. For the estimate each of eight folds has its signs from the others, which uses all
    prompts but makes folds depend on each other. The upper end is that of the biased mean.

    If prompts share rows, whole clusters of the factor with the fewest rows are split off. Prompts on both sides may
    then still share rows of another factor.

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
        """Split the prompts.

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
        unit = _units(design)
        by_unit = np.zeros((len(differences), int(unit.max()) + 1))
        np.add.at(by_unit.T, unit, differences.T)
        total = by_unit.sum(1)
        fold = unit % min(FOLDS, by_unit.shape[1])
        cross_fitted = np.empty(design.n)
        for k in range(int(fold.max()) + 1):
            inside = fold == k
            signs = np.sign(total - differences[:, inside].sum(1))
            cross_fitted[inside] = (weights * signs) @ differences[:, inside]
        self._gives_sign = unit % SIGN_EVERY == 0
        signs = np.sign(differences[:, self._gives_sign].sum(1))
        self._signed = (weights * signs) @ differences[:, ~self._gives_sign]
        self._plugged: Floats = (weights * np.sign(total)) @ differences
        self.value = max(float(cross_fitted.mean() / whole.mean()), 0.0)
        self.largest = int(np.abs(total).argmax())

    @property
    def estimate(self) -> Estimate:
        """Return the fraction of the whole with its interval."""
        unit, ratio = f"fraction of {self._of}", float(self._plugged.mean() / self._whole.mean())
        residuals = self._plugged - ratio * self._whole
        if self._floor is None:
            is_exact = bool((np.abs(residuals) <= EQUAL * np.abs(self._whole)).all())
        else:
            is_exact = bool(self._floor.covers(residuals))
        if is_exact:  # the same fraction on every prompt, as in `ratio_intervals`
            reach = 0.0 if self._floor is None else self._floor.mean / float(self._whole.mean())
            return self._with_ends(self.value, self.value - reach, self.value + reach, unit, residuals * 0)
        low = float(ratio_ends(self._signed[None], self._whole[~self._gives_sign], self._value_design)[0][0])
        high = float(ratio_ends(self._plugged[None], self._whole, self._design)[1][0])
        return self._with_ends(self.value, low, high, unit, residuals)

    def parts(self, unit: str) -> Parts:
        """Return the weighted sum in the unit of the score, and the whole."""
        low = float(mean_ends(self._signed[None], self._value_design)[0][0])
        high = float(mean_ends(self._plugged[None], self._design)[1][0])
        numerator = self._with_ends(self.value * float(self._whole.mean()), low, high, unit, self._plugged)
        return Parts(numerator, mean_interval(self._whole, unit, self._design), self._of)

    def p_value(self, bound: Bound) -> float:
        """Return the p-value of H0 «the fraction is outside the bound»."""
        below, above = bound.at_least, bound.at_most
        p_values = [0.0]
        if below is not None:
            whole = self._whole[~self._gives_sign]
            p_values.append(bound_p_value(self._signed, Bound(at_least=below), self._value_design, whole=whole))
        if above is not None:
            p_values.append(bound_p_value(self._plugged, Bound(at_most=above), self._design, whole=self._whole))
        return max(p_values)

    @property
    def _value_design(self) -> SamplingDesign:
        """The design of the prompts that give values for the lower end."""
        return self._design.where(~self._gives_sign)

    def _with_ends(self, value: float, low: float, high: float, unit: str, values: Floats) -> Estimate:
        refusal = too_few(self._design) or too_few(self._value_design)
        if refusal is not None:
            need = MIN_OBSERVATIONS * SIGN_EVERY // (SIGN_EVERY - 1)  # a third gives signs only
            refusal = type(refusal)(refusal.reason, self._design.observations, need, refusal.factor)
        else:
            (refusal,) = refusals(values[None], self._design)
        if refusal is not None:
            low = high = value
        low, high = min(max(low, 0.0), value), max(high, value)
        return Estimate(value, low, high, self._design.n, unit, METHOD, **self._design.clustered, refusal=refusal)


def _units(design: SamplingDesign) -> Integers:
    """Return what is split as a whole, `prompt`: the rows of the clustering factor with the fewest, or prompts."""
    return design.cluster_rows[0] if design.clustering else np.arange(design.n)
