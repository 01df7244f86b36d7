"""The change between two measurements of one check: paired, tested against a margin, and with a direction.

Every comparison in mi-checks is made here. The faces (`mi-checks compare`, the baseline item, `--mi-base`, and
`mi-checks matrix`) choose a margin and the words.

Prompts are the same in both measurements, so every prompt is its own control. Weights and prompts fix every value, so
single prompts have no sampling error: how far they differ is held to a margin and is not tested.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, Protocol

import numpy as np

from mi_checks.compare.margins import (
    ABSOLUTE_MEAN_TOLERANCE,
    MAX_ROUNDED_FLIPS,
    MEAN_TOLERANCE,
    prompt_margin,
    rounding_margin,
)
from mi_checks.output.numbers import number
from mi_checks.stats.estimate import ALPHA, PROPORTION, Estimate, Parts, Refusal
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.mean_tests import Limits, mean_beyond_p_value
from mi_checks.stats.p_values import holm, independent_difference
from mi_checks.stats.sampling import SamplingDesign

Direction = Literal["rose", "fell", "unchanged", "inconclusive"]
DIFFERENCE_OF_PROPORTIONS: Limits = (-1.0, 1.0)
ChangeEvidence = Literal["paired", "independent", "none"]


class Measured(Protocol):
    """What a comparison needs of a check: a `CheckResult` and a `RecordedCheck` have it."""

    @property
    def estimate(self) -> Estimate | None:
        """The value; None if it could not be measured."""

    @property
    def per_prompt(self) -> tuple[float, ...]:
        """The values behind it, `prompt`; may be empty."""

    @property
    def deciding(self) -> str:
        """The node that the value is of, if the check is about several."""

    @property
    def parts(self) -> Parts | None:
        """The numerator and denominator of a fraction."""


@dataclass(frozen=True)
class Measurement:
    """A measurement that is not a check's own: an effect, or one part of a fraction."""

    estimate: Estimate | None
    per_prompt: tuple[float, ...] = ()
    deciding: str = ""
    parts: Parts | None = None


@dataclass(frozen=True)
class PromptAgreement:
    """How well two measurements agree prompt by prompt, though their means may be equal.

    Attributes:
        rms: the root mean square of the prompts' differences, in the value's unit.
        margin: the largest that rounding explains.
        correlation: between the earlier and the later values; None if one of them is constant.
        flipped: how many prompts turned, if a value is yes or no; otherwise None.
        n: the number of prompts.
    """

    rms: float
    margin: float
    correlation: float | None
    flipped: int | None
    n: int

    @property
    def exceeds_rounding(self) -> bool:
        """Whether single prompts differ by more than rounding."""
        return self.flipped > MAX_ROUNDED_FLIPS if self.flipped is not None else self.rms > self.margin

    def text(self, unit: str) -> str:
        """Return `prompts differ by 1.700 logits (root mean square; margin 0.437; correlation 0.850)`."""
        if self.flipped is not None:
            return f"{self.flipped} of {self.n} prompts have another outcome"
        related = "" if self.correlation is None else f"; correlation {number(self.correlation, 3)}"
        margin = f"margin {number(self.margin, 3)}"
        return f"prompts differ by {number(self.rms, 3)} {unit} (root mean square; {margin}{related})"


@dataclass(frozen=True, eq=False)
class PairedChange:
    """The change from one measurement to another, on the same prompts.

    Attributes:
        before: the earlier measurement.
        after: the later one.
        margin: the smallest change that counts as one, in the value's unit.
        evidence: `paired` if the values per prompt can be subtracted, `independent` if there are only two intervals,
            `none` if one of the two could not be measured.
        p_value: of the hypothesis that the mean changed by no more than the margin; None without evidence. It is
            corrected for the family once `with_holm_correction` has seen it.
        design: how the prompts were drawn, if the values are paired.
    """

    before: Measured
    after: Measured
    margin: float
    evidence: ChangeEvidence
    p_value: float | None
    design: SamplingDesign | None = None

    @cached_property
    def estimate(self) -> Estimate | None:
        """The mean of after − before with its interval; worked out when asked for, as it costs far more than a test."""
        if self.before.estimate is None or self.after.estimate is None:
            return None
        if self.design is None:
            return independent_difference(self.before.estimate, self.after.estimate)[0]
        limits = DIFFERENCE_OF_PROPORTIONS if self._is_yes_or_no else None
        return mean_interval(self.differences, self.after.estimate.unit, self.design, limits=limits)

    @property
    def differences(self) -> Floats:
        """After − before, `prompt`; empty if the values are not paired."""
        return _array(self.after) - _array(self.before) if self.evidence == "paired" else np.empty(0)

    @property
    def direction(self) -> Direction:
        """Where the value went.

        It rose or fell if its mean changed significantly by more than the margin, in either direction. It is unchanged
        if the whole interval lies within the margin. Everything else is inconclusive, as is a change from or to a
        measurement without an interval.
        """
        if self.is_significant:
            return "rose" if self._value > 0 else "fell"
        if self.refusal is not None or self.estimate is None or self.estimate.refusal is not None:
            return "inconclusive"
        within = -self.margin <= self.estimate.low and self.estimate.high <= self.margin
        return "unchanged" if within else "inconclusive"

    @property
    def refusal(self) -> Refusal | None:
        """Why one of the two measurements has no interval, so that nothing follows from the change of its mean."""
        sides = (self.before.estimate, self.after.estimate)
        return next((each.refusal for each in sides if each is not None and each.refusal is not None), None)

    @property
    def is_significant(self) -> bool:
        """Whether the mean changed by more than the margin."""
        return self.p_value is not None and self.p_value < ALPHA

    @cached_property
    def prompts(self) -> PromptAgreement | None:
        """How well single prompts agree; None if there are no values per prompt of one node in both."""
        if not _is_of_same_prompts(self.before, self.after):
            return None
        before, after = _array(self.before), _array(self.after)
        rms = math.sqrt(float(((after - before) ** 2).mean()))
        varies = min(float(before.std()), float(after.std())) > 0
        correlation = float(np.corrcoef(before, after)[0, 1]) if varies else None
        flipped = int((before != after).sum()) if self._is_yes_or_no else None
        return PromptAgreement(rms, prompt_margin(before), correlation, flipped, len(before))

    @property
    def is_same_number(self) -> bool:
        """Whether both measurements are one but for rounding: every prompt agrees, or else both estimates do.

        This says nothing of other prompts: a proportion of 64 prompts that all agree may still differ on the next 64.
        """
        if self.evidence == "paired" and self.prompts is not None:
            same_outcomes = self.prompts.flipped is not None and not self.prompts.exceeds_rounding
            return same_outcomes or self.prompts.rms <= self.margin
        if self.before.estimate is None or self.after.estimate is None:
            return False
        distance = abs(self.after.estimate.value - self.before.estimate.value)
        return distance <= rounding_margin(self.before.estimate, self.after.estimate)

    @property
    def _value(self) -> float:
        if self.evidence == "paired":
            return float(self.differences.mean())
        return 0.0 if self.estimate is None else self.estimate.value

    @property
    def _is_yes_or_no(self) -> bool:
        return self.before.estimate is not None and self.before.estimate.unit == PROPORTION


def change_between(before: Measured, after: Measured, margin: float, design: SamplingDesign | None) -> PairedChange:
    """Return the change from one measurement to another, with the p-value as if it were the only one.

    The differences of values per prompt are tested as every mean is, and two intervals as if they were independent;
    both two-sided and against the margin.

    Args:
        before: the earlier measurement.
        after: the later one, on the same prompts.
        margin: the smallest change that counts as one, at least zero: see `margins`.
        design: how the prompts were drawn; None if that is not known, and values per prompt are not compared.
    """
    if before.estimate is None or after.estimate is None:
        return PairedChange(before, after, margin, "none", None)
    if design is not None and design.n == len(after.per_prompt) and _is_paired(before, after):
        if before.estimate.refusal is not None or after.estimate.refusal is not None:
            return PairedChange(before, after, margin, "paired", 1.0, design)
        limits = DIFFERENCE_OF_PROPORTIONS if after.estimate.unit == PROPORTION else None
        p_value = mean_beyond_p_value(_array(after) - _array(before), margin, design, limits)
        return PairedChange(before, after, margin, "paired", p_value, design)
    p_value = independent_difference(before.estimate, after.estimate, margin)[1]
    return PairedChange(before, after, margin, "independent", p_value)


def with_holm_correction(family: Sequence[PairedChange]) -> tuple[PairedChange, ...]:
    """Return the changes with their p-values corrected by Holm over all that were tested."""
    p_values = [change.p_value for change in family if change.p_value is not None]
    adjusted = iter(holm(np.array(p_values)).tolist()) if p_values else iter(())
    return tuple(change if change.p_value is None else replace(change, p_value=next(adjusted)) for change in family)


def _is_of_same_prompts(before: Measured, after: Measured) -> bool:
    return before.deciding == after.deciding and len(before.per_prompt) == len(after.per_prompt) > 1


def _is_paired(before: Measured, after: Measured) -> bool:
    """Return whether the values per prompt are of one node on the same prompts, and their means are the estimates.

    Of a check that asks whether a circuit is better than random ones, for example, they are not.

    The values of a fraction are divided by the mean effect size, which a paired test takes as known. That is usually
    conservative: what is recovered and the effect size rise and fall together over prompts.
    """
    return _is_of_same_prompts(before, after) and _is_mean(before) and _is_mean(after)


def _is_mean(measured: Measured) -> bool:
    if measured.estimate is None:
        return False
    mean = sum(measured.per_prompt) / len(measured.per_prompt)
    return abs(mean - measured.estimate.value) <= max(
        ABSOLUTE_MEAN_TOLERANCE, MEAN_TOLERANCE * abs(measured.estimate.value)
    )


def _array(measured: Measured) -> Floats:
    return np.asarray(measured.per_prompt, dtype=float)
