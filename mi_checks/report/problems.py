"""What did not pass, and the mutants that did, gravest first: the part of the page that is read first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.record import CheckResult, MutantsResult
from mi_checks.report.pairs import Group, Pair, drifted
from mi_checks.report.verdict import SEVERITY, SURVIVED, Verdict, verdict

FOLD = 14  # lines; a longer message (a traceback) is folded away under its first and last line


@dataclass(frozen=True)
class Problem:
    """One check that did not pass, or one of whose mutants did."""

    anchor: str
    pair_anchor: str
    check_anchor: str
    verdict: Verdict
    result: CheckResult | MutantsResult

    @property
    def claim(self) -> str:
        """In words."""
        return self.result.claim if isinstance(self.result, CheckResult) else ""

    @property
    def lines(self) -> tuple[str, ...]:
        """The message's lines."""
        return tuple(self.result.message.strip("\n").splitlines())

    @property
    def folded(self) -> bool:
        """Whether the message is too long to stand open."""
        return len(self.lines) > FOLD


def problems(groups: Sequence[Group]) -> tuple[Problem, ...]:
    """Failures, drifts, errors, then the inconclusive; in the run's order within each."""
    found = [problem for group in groups for pair in group.pairs for problem in _of(pair)]
    return tuple(sorted(found, key=_gravity))


def _of(pair: Pair) -> list[Problem]:
    found = []
    for index, result in enumerate(pair.results):
        anchor = pair.check_anchor(index)
        if result.outcome not in ("pass", "skipped"):
            shown = verdict(result.outcome, pair.absent, drifted(result))
            found.append(Problem(f"p-{anchor}", pair.anchor, anchor, shown, result))
        mutants = pair.mutants.get(result.check)
        if mutants is not None and mutants.survivors:
            found.append(Problem(f"m-{anchor}", pair.anchor, anchor, SURVIVED, mutants))
    return found


def _gravity(problem: Problem) -> tuple[int, bool]:
    return SEVERITY.index(problem.result.outcome), problem.verdict.css == "drift"
