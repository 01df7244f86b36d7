"""The list of checks that did not pass and mutants that survived, the worst first: the first part of the page.

Failures of one behaviour on one model are listed together, under their most likely cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mi_checks.output.claim_text import claim_text
from mi_checks.output.failure_lines import cause_text
from mi_checks.report.behaviour_results import (
    SEVERITY,
    SURVIVED,
    BehaviourResults,
    ModelResults,
    VerdictLabel,
    is_drift,
    verdict_label,
)
from mi_checks.results.causes import FailureGroup, failure_groups
from mi_checks.results.run import CheckResult, MutantsResult

MAX_EXPANDED_LINES = 14  # lines; a longer message (a traceback) is collapsed to its first and last line


@dataclass(frozen=True)
class ReportProblem:
    """A check that did not pass, or a check with surviving mutants.

    Attributes:
        anchor: the anchor of this part of the page.
        model_anchor: the anchor of the behaviour on the model.
        check_anchor: the anchor of the check's row.
        verdict: the outcome as it is displayed.
        result: the result of the check, or of its mutants.
        cause: the most likely cause of all failures of a behaviour on a model, set on the first of several.
    """

    anchor: str
    model_anchor: str
    check_anchor: str
    verdict: VerdictLabel
    result: CheckResult | MutantsResult
    cause: str = ""

    @property
    def claim(self) -> str:
        """Return the claim in words, or "" for mutants."""
        return claim_text(self.result.claim) if isinstance(self.result, CheckResult) else ""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the lines of the message."""
        return tuple(self.result.message.strip("\n").splitlines())

    @property
    def is_long(self) -> bool:
        """Return whether the message is too long to be shown expanded."""
        return len(self.lines) > MAX_EXPANDED_LINES


def problem_list(behaviours: Sequence[BehaviourResults]) -> tuple[ReportProblem, ...]:
    """Return failures, drifts, errors and inconclusive checks, ordered by the worst of each behaviour on a model.

    Checks that are inconclusive as declared are left out. Within one behaviour on one model, the cause is first; the
    others are sorted by severity, then in the run's order.
    """
    models = [model for behaviour in behaviours for model in behaviour.models]
    by_model = [_ordered_by_cause(model, problems) for model in models if (problems := _problems_of(model))]
    by_model.sort(key=lambda problems: min(map(_rank, problems)))
    return tuple(problem for problems in by_model for problem in problems)


def _ordered_by_cause(model: ModelResults, problems: Sequence[ReportProblem]) -> list[ReportProblem]:
    ordered = sorted(problems, key=_rank)
    group: FailureGroup | None = next(iter(failure_groups(model.checks)), None)
    if group is None or not group.others:
        return ordered
    ordered.sort(key=lambda problem: problem.result is not group.cause)
    cause = f"{len(group.failed)} failures, likely cause: {cause_text(group)}"
    return [replace(ordered[0], cause=cause), *ordered[1:]]


def _problems_of(model: ModelResults) -> list[ReportProblem]:
    problems = []
    for index, result in enumerate(model.checks):
        anchor = model.check_anchor(index)
        if result.is_failure:
            label = verdict_label(result.outcome, model.absent, is_drift(result))
            problems.append(ReportProblem(f"p-{anchor}", model.anchor, anchor, label, result))
        mutants = model.mutants.get(result.check)
        if mutants is not None and mutants.survivors:
            problems.append(ReportProblem(f"m-{anchor}", model.anchor, anchor, SURVIVED, mutants))
    return problems


def _rank(problem: ReportProblem) -> tuple[int, bool]:
    return SEVERITY.index(problem.result.outcome), problem.verdict.css == "drift"
