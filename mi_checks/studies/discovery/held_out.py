"""Claims measured on held-out prompts, which discovery did not use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict
from mi_checks.output.numbers import precise
from mi_checks.spec.behaviour import CheckEntry
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import mean_interval
from mi_checks.studies.discovery import bounds
from mi_checks.studies.discovery.candidate_claims import Candidate, Side
from mi_checks.studies.discovery.draft import Line, NotClaimed
from mi_checks.studies.discovery.wording import WARNING, overshoots

UNREACHABLE_BOUND = 1e9  # a bound that every value satisfies, used while the value is unknown


class HeldOut:
    """The held-out prompts, on which bounds are set and claims verified.

    Attributes:
        measured: a behaviour that binds the discovered node sets, on the held-out prompts.
        pairs: the number of prompt pairs that the checks will use.
    """

    def __init__(self, measured: Measurements, pairs: int) -> None:
        self.measured = measured
        self.pairs = pairs

    def claimed(self, candidate: Candidate) -> Line:
        """Return the check with bounds derived from its value.

        Raises:
            NotClaimed: a bound would be uninformative, or the check does not pass.
        """
        estimate, values = self.bounds(candidate)
        note = candidate.note
        if candidate.bound and overshoots(estimate):
            note = f"{note}; {WARNING}" if note else WARNING
        return self.verified(Line(candidate.with_bounds(values), (("", estimate),), note))

    def bounds(self, candidate: Candidate) -> tuple[Estimate, dict[Side, float]]:
        """Return the estimate, and the bounds derived from it.

        Raises:
            NotClaimed: there is nothing to measure, or the bounds would be uninformative.
        """
        probe = candidate.with_bounds({"at_least": -UNREACHABLE_BOUND, "at_most": UNREACHABLE_BOUND})
        (verdict,) = self.run(probe)
        if verdict.estimate is None:
            raise NotClaimed(f"{identity(probe)}: {verdict.reason}")
        estimate = verdict.estimate
        values: dict[Side, float] = {
            "at_least": bounds.at_least(estimate, self.pairs),
            "at_most": bounds.at_most(estimate, self.pairs),
        }
        for limit, side, clear in (
            (candidate.above, "above", candidate.above is None or values["at_least"] > candidate.above),
            (candidate.below, "below", candidate.below is None or values["at_most"] < candidate.below),
        ):
            if not clear:
                what = f"leaves no bound {side} {limit:.3g} for checks on {self.pairs} pairs"
                raise NotClaimed(f"{identity(probe)}: {precise(estimate)} {what}")
        return estimate, values

    def verified(self, line: Line) -> Line:
        """Return the line if its check passes.

        Raises:
            NotClaimed: the check does not pass.
        """
        for part in parsed(line.entry).check.parts:
            senseless = None if part.bound is None else part.senseless(part.bound)
            if senseless is not None:
                measured = "".join(f" {precise(estimate)}" for _, estimate in line.estimates[:1])
                raise NotClaimed(f"{part.id}:{measured} is so far beyond the whole that no check may be held to it")
        failed = next((verdict for verdict in self.run(line.entry) if verdict.outcome != "pass"), None)
        if failed is not None:
            raise NotClaimed(f"{identity(line.entry)}: {told(failed)}, on the held-out prompts")
        return line

    def run(self, entry: Mapping[str, Any]) -> list[Verdict]:
        """Return the verdict on each part of an entry."""
        return [run_check(part, self.measured) for part in parsed(entry).check.parts]


def too_little(measured: Measurements, pairs: int) -> str:
    """Return why checks on `pairs` prompt pairs are not expected to detect an effect, or "" if they are.

    A fraction of clean − corrupt needs a difference that is significantly above zero. A difference that is above zero
    on the prompts of discovery by chance is not expected to be so on others.
    """
    effect_size = mean_interval(measured.base.effect_size, score_unit(measured.batch.score))
    if bounds.stays_above_zero(effect_size, pairs) and effect_size.value > measured.floor.mean:
        return ""
    measured_effect = f"clean − corrupt is {precise(effect_size)} {effect_size.unit} on the held-out prompts"
    return f"{measured_effect}, too little for checks on {pairs} pairs"


def parsed(entry: Mapping[str, Any]) -> CheckEntry:
    """Return an entry as its data model."""
    return CheckEntry.model_validate(entry, by_alias=True, by_name=False)


def identity(entry: Mapping[str, Any]) -> str:
    """Return the id of an entry's check."""
    return parsed(entry).check.id


def told(verdict: Verdict) -> str:
    """Return the outcome, the estimate, and the first line of the reason."""
    measured = "" if verdict.estimate is None else f" {precise(verdict.estimate)}"
    reason = verdict.reason.splitlines()
    return f"{verdict.outcome}{measured}" + (f", {reason[0]}" if reason else "")
