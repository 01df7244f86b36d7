"""What did not pass, and the mutants that did, gravest first: the part of the page that is read first.

Failures of one behaviour on one model stand together, under what most likely caused them.
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

FOLD = 14  # lines; a longer message (a traceback) is folded away under its first and last line


@dataclass(frozen=True)
class Problem:
    """One check that did not pass, or one of whose mutants did.

    Attributes:
        anchor: of this part of the page.
        pair_anchor: of the behaviour on the model.
        check_anchor: of the check's row.
        verdict: for showing.
        result: of the check, or of its mutants.
        cause: of the first of several failures of a behaviour on a model, what most likely caused all of them.
    """

    anchor: str
    pair_anchor: str
    check_anchor: str
    verdict: Verdict
    result: CheckResult | MutantsResult
    cause: str = ""

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
    """Failures, drifts, errors, then the inconclusive, by the gravest of each behaviour on a model.

    Within one of these, the cause comes first, then the others by gravity, in the run's order.
    """
    found = [_together(pair, shown) for group in groups for pair in group.pairs if (shown := _of(pair))]
    return tuple(problem for pair in sorted(found, key=lambda pair: min(map(_gravity, pair))) for problem in pair)


def _together(pair: Pair, found: Sequence[Problem]) -> list[Problem]:
    ordered = sorted(found, key=_gravity)
    group: Causes | None = next(iter(by_cause(pair.results)), None)
    if group is None or not group.others:
        return ordered
    ordered.sort(key=lambda problem: problem.result is not group.cause)
    return [replace(ordered[0], cause=f"{len(group.failed)} failures, likely cause: {cause_text(group)}"), *ordered[1:]]


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
