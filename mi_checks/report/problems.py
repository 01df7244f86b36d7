"""What did not pass, gravest first: the part of the page that is read first."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.record import CheckResult
from mi_checks.report.pairs import Group
from mi_checks.report.verdict import SEVERITY, Verdict, verdict

FOLD = 14  # lines; a longer message (a traceback) is folded away under its first and last line


@dataclass(frozen=True)
class Problem:
    """One check that did not pass."""

    anchor: str
    check_anchor: str
    verdict: Verdict
    result: CheckResult

    @property
    def lines(self) -> tuple[str, ...]:
        """The message's lines."""
        return tuple(self.result.message.strip("\n").splitlines())

    @property
    def folded(self) -> bool:
        """Whether the message is too long to stand open."""
        return len(self.lines) > FOLD


def problems(groups: tuple[Group, ...]) -> tuple[Problem, ...]:
    """Failures, then errors, then the inconclusive; in the run's order within each."""
    found = [
        Problem(f"p-{pair.check_anchor(index)}", pair.check_anchor(index), verdict(result.outcome, pair.absent), result)
        for group in groups
        for pair in group.pairs
        for index, result in enumerate(pair.results)
        if result.outcome not in ("pass", "skipped")
    ]
    return tuple(sorted(found, key=lambda problem: SEVERITY.index(problem.result.outcome)))
