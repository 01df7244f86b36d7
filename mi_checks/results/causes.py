"""The failures of a run, grouped by behaviour and model under their most likely cause.

If a head no longer mediates, every check that names it fails, and so does every fraction of an effect that it mediated.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mi_checks.results.run import BASELINE, LINT, REFERENCE, CheckResult

# Kinds of results: what later ones measure depends on what earlier ones are about.
CAUSE_ORDER = (
    "role", "logit_diff", "accuracy", "absent", "mediators", "patching", "ablation", "attention", "attribution",
    "composes", "path", "circuit", "curve", BASELINE, REFERENCE, LINT,
)  # fmt: skip
COMPARISON_KINDS = (BASELINE, REFERENCE)  # kinds of results that are about other results
HEAD_KINDS = (COMPARISON_KINDS, ("mediators",))  # kinds of results that name heads, the more complete first
BEHAVIOUR_RESULT_KINDS = ("logit_diff", "accuracy", "absent")  # kinds of results about whether the model shows it
SEVERITY = {outcome: place for place, outcome in enumerate(("error", "fail", "inconclusive"))}

CauseKind = Literal["not measured", "role", "mediators", "preference", "no effect", "check"]


@dataclass(frozen=True)
class FailureGroup:
    """The failures of one behaviour on one model.

    Attributes:
        behaviour: the behaviour's name.
        model: the model's name.
        kind: the kind of cause: something cannot be measured; a role is bound to other nodes or to none; other heads
            mediate; the answer is not preferred; clean and corrupt do not differ; or none of these, and the cause is
            the first check on which others depend.
        cause: the result that names the cause.
        failed: all results that did not pass: the cause, then the others in the order of their dependence.
        total: the number of all results.
    """

    behaviour: str
    model: str
    kind: CauseKind
    cause: CheckResult
    failed: tuple[CheckResult, ...]
    total: int

    @property
    def others(self) -> tuple[CheckResult, ...]:
        """Return the failures that may follow from the cause."""
        return self.failed[1:]


def failure_groups(results: Iterable[CheckResult]) -> tuple[FailureGroup, ...]:
    """Return the failures by behaviour and model, in the order in which these first occur."""
    by_pair: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for result in results:
        by_pair[result.behaviour, result.model].append(result)
    return tuple(
        _group(behaviour, model, each)
        for (behaviour, model), each in by_pair.items()
        if any(result.is_failure for result in each)
    )


def _group(behaviour: str, model: str, results: Sequence[CheckResult]) -> FailureGroup:
    failed = sorted((result for result in results if result.is_failure), key=_place)
    kind, cause = _cause(failed)
    return FailureGroup(
        behaviour, model, kind, cause, (cause, *(each for each in failed if each is not cause)), len(results)
    )


def _place(result: CheckResult) -> int:
    return CAUSE_ORDER.index(result.kind) if result.kind in CAUSE_ORDER else len(CAUSE_ORDER)


def _cause(failed: Sequence[CheckResult]) -> tuple[CauseKind, CheckResult]:
    """Return the first cause that applies, the most general first."""
    candidates: tuple[tuple[CauseKind, Iterable[CheckResult]], ...] = (
        (
            "not measured",
            (each for each in failed if each.outcome == "error" and each.kind not in COMPARISON_KINDS),
        ),
        ("role", (each for each in failed if each.kind == "role")),
        ("mediators", (each for kinds in HEAD_KINDS for each in failed if each.kind in kinds and _moved(each))),
        ("preference", (each for each in failed if each.kind in BEHAVIOUR_RESULT_KINDS and each.outcome == "fail")),
        ("no effect", (each for each in failed if each.parts is not None and each.parts.numerator is None)),
        ("check", sorted(failed, key=lambda each: SEVERITY[each.outcome])),
    )
    return next((kind, cause) for kind, causes in candidates for cause in causes)


def _moved(result: CheckResult) -> bool:
    return bool(result.nodes_lost or result.nodes_gained)
