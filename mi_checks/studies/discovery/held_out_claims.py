"""Claims with bounds, derived from and verified on held-out prompts, which discovery did not use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.checks.verdict import Verdict
from mi_checks.output.numbers import precise
from mi_checks.spec.behaviour import CheckEntry
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import ALPHA, Estimate
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.mean_tests import ratio_p_values
from mi_checks.studies.discovery.mechanism import EXCESS_WARNING, exceeds_whole
from mi_checks.studies.discovery.node_effects import Bools

BoundSide = Literal["at_least", "at_most"]
BOTH_SIDES: tuple[BoundSide, BoundSide] = ("at_least", "at_most")
MARGIN_SE = 3.0  # standard errors of the difference between two batches
CI_HALF_WIDTH_SE = -float(ndtri(ALPHA / 2))  # half the width of a 95 % interval, in standard errors
# relative to a value, or to 1 if that is larger: the possible difference on another engine or machine
MAX_ROUNDING = 1e-5
MIN_P_VALUE = 1e-300  # smaller ones have no finite probit
BOUND_RULE = (
    "a bound lies three standard errors (of the difference between two such batches of prompts) beyond the expected "
    "end of the check's own interval"
)
UNREACHABLE_BOUND = 1e9  # a bound that every value satisfies, used while the value is unknown


class UnsupportedClaim(Exception):
    """The reason why a discovered effect is not claimed."""


@dataclass(frozen=True)
class DraftLine:
    """One entry of `checks`.

    Attributes:
        entry: the entry, as in a file.
        estimates: the estimates on the held-out prompts, each with a label, which is "" where it is obvious.
        note: further remarks.
        model_bounds: bounds that belong in this model's entry instead of in the check, by check id.
    """

    entry: Mapping[str, Any]
    estimates: tuple[tuple[str, Estimate], ...] = ()
    note: str = ""
    model_bounds: Mapping[str, Mapping[str, float]] | None = None


@dataclass(frozen=True)
class CandidateClaim:
    """A check without its bounds.

    Attributes:
        kind: the key of the check.
        fields: its fields other than the bound, as in a file.
        bound: the field with the bound; "" if its sides are fields of the check itself.
        sides: the sides that are bounded.
        above: the value that a lower bound must exceed to be informative; None if any lower bound will do.
        below: the value that an upper bound must stay below to be informative; None if any upper bound will do.
        note: further evidence.
    """

    kind: str
    fields: Mapping[str, Any]
    bound: str = ""
    sides: tuple[BoundSide, ...] = BOTH_SIDES
    above: float | None = 0.0
    below: float | None = None
    note: str = ""

    def with_bounds(self, values: Mapping[BoundSide, float]) -> dict[str, Any]:
        """Return the check as data of an entry of `checks`."""
        sides = {side: values[side] for side in self.sides}
        return {self.kind: {**self.fields, **({self.bound: sides} if self.bound else sides)}}


def lower_bound(estimate: Estimate, pairs: int) -> float:
    """Return the lower bound for a check on another batch of `pairs` prompt pairs.

    It lies below the lower end of the interval by more than rounding, however narrow the interval is.
    """
    return _rounded_lower_bound(estimate.value, estimate.low, estimate.n, _effective_pairs(estimate, pairs))


def upper_bound(estimate: Estimate, pairs: int) -> float:
    """Return the upper bound for a check on another batch of `pairs` prompt pairs; see `lower_bound`."""
    pairs = _effective_pairs(estimate, pairs)
    mirrored = _rounded_lower_bound(-estimate.value, -estimate.high, estimate.n, pairs)
    return 0.0 - mirrored  # 0.0 - 0.0 is not a negative zero


def stays_above_zero(estimate: Estimate, pairs: int) -> bool:
    """Return whether the interval of a check on `pairs` prompt pairs is expected above zero, by the same margin."""
    return _unrounded_lower_bound(estimate.value, estimate.low, estimate.n, _effective_pairs(estimate, pairs)) > 0


def _effective_pairs(estimate: Estimate, pairs: int) -> int:
    """Return how many pairs the check counts as: no more than the estimate has, if pairs share rows."""
    return pairs if estimate.clusters is None else min(pairs, estimate.n)


def expected_clear(sweep: Sweep, above: float, pairs: int) -> tuple[Bools, Bools]:
    """Return which nodes are expected to be significantly above, and which below, a threshold, `node` each.

    The expectation is for a check on another batch of `pairs` prompt pairs, corrected over all nodes of the sweep. Its
    probit is expected to be √(pairs / n) times that of the n measured pairs, with a standard deviation of √(1 + pairs /
    n).
    """
    n, tests = sweep.design.n, len(sweep.nodes)
    pairs = pairs if sweep.design.clusters is None else min(pairs, n)  # more pairs of the same rows help little
    p_values = ratio_p_values(sweep.recovered, sweep.effect_size, above, sweep.design, tests)
    distance = np.abs(sweep.recovered.mean(1) - above * sweep.effect_size.mean())
    needed = -float(ndtri(ALPHA / 2 / tests)) + MARGIN_SE * math.sqrt(1 + pairs / n)
    is_more_than_rounding = distance > needed * MAX_ROUNDING * abs(float(sweep.effect_size.mean()))
    above_it, below_it = (
        (-ndtri(np.maximum(p, MIN_P_VALUE)) * math.sqrt(pairs / n) >= needed) & is_more_than_rounding for p in p_values
    )
    return above_it, below_it


def _rounded_lower_bound(value: float, low: float, n: int, pairs: int) -> float:
    """Return the lower bound for a check on other prompts, from a value measured on n pairs."""
    limit = _unrounded_lower_bound(value, low, n, pairs)
    return _rounded_down(limit - MAX_ROUNDING * max(1.0, abs(limit)))


def _unrounded_lower_bound(value: float, low: float, n: int, pairs: int) -> float:
    error = (value - low) / CI_HALF_WIDTH_SE
    own = error * math.sqrt(n / pairs)  # the standard error of the check's estimate
    return min(low, value - CI_HALF_WIDTH_SE * own - MARGIN_SE * math.hypot(error, own))


def _rounded_down(value: float) -> float:
    """Round down to two decimals, and values of 1 or more to one decimal."""
    digits = 10 if abs(value) >= 1 else 100
    return math.floor(value * digits) / digits


class ClaimVerifier:
    """The held-out prompts, on which bounds are set and claims verified.

    Attributes:
        measured: a behaviour that binds the discovered node sets, on the held-out prompts.
        n_check_pairs: the number of prompt pairs that the checks will use.
    """

    def __init__(self, measured: Measurements, n_check_pairs: int) -> None:
        self.measured = measured
        self.n_check_pairs = n_check_pairs

    def bounded_claim(self, candidate: CandidateClaim) -> DraftLine:
        """Return the check with bounds derived from its value.

        Raises:
            UnsupportedClaim: a bound would be uninformative, or the check does not pass.
        """
        estimate, values = self.derive_bounds(candidate)
        note = candidate.note
        if candidate.bound and exceeds_whole(estimate):
            note = f"{note}; {EXCESS_WARNING}" if note else EXCESS_WARNING
        return self.verify(DraftLine(candidate.with_bounds(values), (("", estimate),), note))

    def derive_bounds(self, candidate: CandidateClaim) -> tuple[Estimate, dict[BoundSide, float]]:
        """Return the estimate, and the bounds derived from it.

        Raises:
            UnsupportedClaim: there is nothing to measure, or the bounds would be uninformative.
        """
        probe = candidate.with_bounds({"at_least": -UNREACHABLE_BOUND, "at_most": UNREACHABLE_BOUND})
        (verdict,) = self.verdicts(probe)
        if verdict.estimate is None:
            raise UnsupportedClaim(f"{check_id(probe)}: {verdict.reason}")
        estimate = verdict.estimate
        values: dict[BoundSide, float] = {
            "at_least": lower_bound(estimate, self.n_check_pairs),
            "at_most": upper_bound(estimate, self.n_check_pairs),
        }
        for limit, side, clear in (
            (candidate.above, "above", candidate.above is None or values["at_least"] > candidate.above),
            (candidate.below, "below", candidate.below is None or values["at_most"] < candidate.below),
        ):
            if not clear:
                what = f"allows no bound {side} {limit:.3g} for checks on {self.n_check_pairs} pairs"
                raise UnsupportedClaim(f"{check_id(probe)}: {precise(estimate)} {what}")
        return estimate, values

    def verify(self, line: DraftLine) -> DraftLine:
        """Return the line if its check passes.

        Raises:
            UnsupportedClaim: the check does not pass.
        """
        for part in parse_entry(line.entry).check.parts:
            senseless = None if part.bound is None else part.bound_problem(part.bound)
            if senseless is not None:
                measured = "".join(f" {precise(estimate)}" for _, estimate in line.estimates[:1])
                raise UnsupportedClaim(
                    f"{part.id}:{measured} is so far above the whole effect that no check can have such a bound"
                )
        failed = next((verdict for verdict in self.verdicts(line.entry) if verdict.outcome != "pass"), None)
        if failed is not None:
            raise UnsupportedClaim(f"{check_id(line.entry)}: {outcome_text(failed)}, on the held-out prompts")
        return line

    def verdicts(self, entry: Mapping[str, Any]) -> list[Verdict]:
        """Return the verdict on each part of an entry."""
        return [run_check(part, self.measured) for part in parse_entry(entry).check.parts]


def insufficient_effect(measured: Measurements, pairs: int) -> str:
    """Return why checks on `pairs` prompt pairs are not expected to detect an effect, or "" if they are.

    A fraction of clean − corrupt needs a difference that is significantly above zero. A difference that is above zero
    on the prompts of discovery by chance is not expected to be so on others.
    """
    effect_size = mean_interval(measured.unpatched.effect_size, score_unit(measured.batch.score), measured.design)
    if stays_above_zero(effect_size, pairs) and effect_size.value > measured.floor.mean:
        return ""
    measured_effect = f"clean − corrupt is {precise(effect_size)} {effect_size.unit} on the held-out prompts"
    return f"{measured_effect}, too small to detect in checks on {pairs} pairs"


def parse_entry(entry: Mapping[str, Any]) -> CheckEntry:
    """Return an entry as its data model."""
    return CheckEntry.model_validate(entry, by_alias=True, by_name=False)


def check_id(entry: Mapping[str, Any]) -> str:
    """Return the id of an entry's check."""
    return parse_entry(entry).check.id


def outcome_text(verdict: Verdict) -> str:
    """Return the outcome, the estimate, and the first line of the reason."""
    measured = "" if verdict.estimate is None else f" {precise(verdict.estimate)}"
    reason = verdict.reason.splitlines()
    return f"{verdict.outcome}{measured}" + (f", {reason[0]}" if reason else "")
