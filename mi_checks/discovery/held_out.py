"""Claims measured on the prompts on which nothing was found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.run import run_check
from mi_checks.checks.verdict import Verdict
from mi_checks.discovery import bounds
from mi_checks.discovery.candidates import Candidate
from mi_checks.discovery.draft import Line, NotClaimed
from mi_checks.explain import show
from mi_checks.record import Estimate
from mi_checks.spec.behaviour import CheckEntry

NOWHERE = 1e9  # a bound that everything keeps, while the value is not known


class HeldOut:
    """Sets bounds and verifies.

    Attributes:
        measured: a behaviour that binds the node sets found, on the held-out prompts.
        pairs: how many prompt pairs the checks will use.
    """

    def __init__(self, measured: Measurements, pairs: int) -> None:
        self.measured = measured
        self.pairs = pairs

    def claimed(self, candidate: Candidate) -> Line:
        """The check with the bound that its value gives.

        Raises:
            NotClaimed: the bound would say nothing, or the check does not pass.
        """
        estimate, bound = self.bound(candidate)
        return self.verified(Line(candidate.with_bound(bound), (("", estimate),), candidate.note))

    def bound(self, candidate: Candidate) -> tuple[Estimate, float]:
        """What is measured, and the bound that it gives.

        Raises:
            NotClaimed: there is nothing to measure, or the bound would say nothing.
        """
        probe = candidate.with_bound(-NOWHERE if candidate.side == "at_least" else NOWHERE)
        (verdict,) = self.run(probe)
        if verdict.estimate is None:
            raise NotClaimed(f"{identity(probe)}: {verdict.reason}")
        bound = getattr(bounds, candidate.side)(verdict.estimate, self.pairs)
        if candidate.side == "at_least" and bound <= candidate.least:
            what = f"leaves no bound above {candidate.least:g} for checks on {self.pairs} pairs"
            raise NotClaimed(f"{identity(probe)}: {show(verdict.estimate)} {what}")
        return verdict.estimate, bound

    def verified(self, line: Line) -> Line:
        """The line, if its check passes as it stands.

        Raises:
            NotClaimed: it does not.
        """
        failed = next((verdict for verdict in self.run(line.entry) if verdict.outcome != "pass"), None)
        if failed is not None:
            raise NotClaimed(f"{identity(line.entry)}: {told(failed)}, on the held-out prompts")
        return line

    def run(self, entry: Mapping[str, Any]) -> list[Verdict]:
        """The verdict on each part of an entry."""
        return [run_check(part, self.measured) for part in parsed(entry).check.parts]


def parsed(entry: Mapping[str, Any]) -> CheckEntry:
    """An entry as the grammar has it."""
    return CheckEntry.model_validate(entry, by_alias=True, by_name=False)


def identity(entry: Mapping[str, Any]) -> str:
    """The id of its check."""
    return parsed(entry).check.id


def told(verdict: Verdict) -> str:
    """The outcome, what was measured, and the first reason."""
    measured = "" if verdict.estimate is None else f" {show(verdict.estimate)}"
    reason = verdict.reason.splitlines()
    return f"{verdict.outcome}{measured}" + (f", {reason[0]}" if reason else "")
