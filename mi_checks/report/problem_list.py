"""The list of checks that did not pass and mutants that survived, the worst first: the first part of the page.

Failures of one behaviour on one model are listed together, under their most likely cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mi_checks.output.failure_lines import cause_text
from mi_checks.report.by_behaviour import Group, Pair, drifted
from mi_checks.report.outcomes import SEVERITY, SURVIVED, Verdict, verdict
from mi_checks.results.causes import Group as Causes
from mi_checks.results.causes import groups as by_cause
from mi_checks.results.run import CheckResult, MutantsResult

MAX_EXPANDED_LINES = 14  # lines; a longer message (a traceback) is collapsed to its first and last line


@dataclass(frozen=True)
class Problem:
    """A check that did not pass, or a check with surviving mutants.

    Attributes:
        anchor: the anchor of this part of the page.
        pair_anchor: the anchor of the behaviour on the model.
        check_anchor: the anchor of the check's row.
        verdict: the outcome as it is displayed.
        result: the result of the check, or of its mutants.
        cause: the most likely cause of all failures of a behaviour on a model, set on the first of several.
    """

    anchor: str
    pair_anchor: str
    check_anchor: str
    verdict: Verdict
    result: CheckResult | MutantsResult
    cause: str = ""

    @property
    def claim(self) -> str:
        """Return the claim in words, or "" for mutants."""
        return self.result.claim if isinstance(self.result, CheckResult) else ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the lines of the message."""
        return tuple(self.result.message.strip("\n").splitlines())

    @property
    def folded(self) -> bool:
        """Return whether the message is too long to be shown expanded."""
        return len(self.lines) > MAX_EXPANDED_LINES


def problems(groups: Sequence[Group]) -> tuple[Problem, ...]:
    """Return failures, drifts, errors and inconclusive checks, ordered by the worst of each behaviour on a model.

    Within one behaviour on one model, the cause is first; the others are sorted by severity, then in the run's order.
    """
    by_pair = [_together(pair, shown) for group in groups for pair in group.pairs if (shown := _of(pair))]
    return tuple(problem for pair in sorted(by_pair, key=lambda pair: min(map(_gravity, pair))) for problem in pair)


def _together(pair: Pair, found: Sequence[Problem]) -> list[Problem]:
    ordered = sorted(found, key=_gravity)
    group: Causes | None = next(iter(by_cause(pair.results)), None)
    if group is None or not group.others:
        return ordered
    ordered.sort(key=lambda problem: problem.result is not group.cause)
    return [replace(ordered[0], cause=f"{len(group.failed)} failures, likely cause: {cause_text(group)}"), *ordered[1:]]


def _of(pair: Pair) -> list[Problem]:
    problems = []
    for index, result in enumerate(pair.results):
        anchor = pair.check_anchor(index)
        if result.outcome not in ("pass", "skipped"):
            shown = verdict(result.outcome, pair.absent, drifted(result))
            problems.append(Problem(f"p-{anchor}", pair.anchor, anchor, shown, result))
        mutants = pair.mutants.get(result.check)
        if mutants is not None and mutants.survivors:
            problems.append(Problem(f"m-{anchor}", pair.anchor, anchor, SURVIVED, mutants))
    return problems


def _gravity(problem: Problem) -> tuple[int, bool]:
    return SEVERITY.index(problem.result.outcome), problem.verdict.css == "drift"
