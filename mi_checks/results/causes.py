"""The failures of a run, gathered by behaviour and model under what most likely caused them.

A head that is gone fails every check that names it, and every fraction of an effect that it carried.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from mi_checks.results.run import BASE, BASELINE, LINT, CheckResult

# What is measured of later kinds depends on what earlier ones are about.
ORDER = (
    "role", "logit_diff", "accuracy", "absent", "mediators", "patching", "ablation", "attention", "attribution",
    "composes", "path", "circuit", "curve", BASELINE, BASE, LINT,
)  # fmt: skip
FAILED = ("error", "fail", "inconclusive")
COMPARING = (BASELINE, BASE)  # kinds of results that say something of other results
MOVING = (COMPARING, ("mediators",))  # kinds of results that name heads, the more complete ones first
PREFERENCE = ("logit_diff", "accuracy", "absent")
WEIGHT = {outcome: place for place, outcome in enumerate(("error", "fail", "inconclusive"))}

CauseKind = Literal["not measured", "role", "mediators", "preference", "no effect", "check"]


@dataclass(frozen=True)
class Group:
    """The failures of one behaviour on one model.

    Attributes:
        behaviour: its name.
        model: its name.
        kind: what the cause is: something that cannot be measured; a role that moved or vanished; heads that no longer
            mediate, or newly do; the answer is not preferred; clean and corrupt do not differ; or none of these, and
            the cause is the first check on which others depend.
        cause: the result that names the cause.
        failed: all results that did not pass, the cause first, then in the order in which they depend on each other.
        total: how many results there are.
    """

    behaviour: str
    model: str
    kind: CauseKind
    cause: CheckResult
    failed: tuple[CheckResult, ...]
    total: int

    @property
    def others(self) -> tuple[CheckResult, ...]:
        """The failures that may follow from the cause."""
        return self.failed[1:]


def groups(results: Iterable[CheckResult]) -> tuple[Group, ...]:
    """Return the failures by behaviour and model, in the order in which these first occur."""
    found: dict[tuple[str, str], list[CheckResult]] = defaultdict(list)
    for result in results:
        found[result.behaviour, result.model].append(result)
    return tuple(
        _group(behaviour, model, each)
        for (behaviour, model), each in found.items()
        if any(result.outcome in FAILED for result in each)
    )


def _group(behaviour: str, model: str, results: Sequence[CheckResult]) -> Group:
    failed = sorted((result for result in results if result.outcome in FAILED), key=_place)
    kind, cause = _cause(failed)
    return Group(behaviour, model, kind, cause, (cause, *(each for each in failed if each is not cause)), len(results))


def _place(result: CheckResult) -> int:
    return ORDER.index(result.kind) if result.kind in ORDER else len(ORDER)


def _cause(failed: Sequence[CheckResult]) -> tuple[CauseKind, CheckResult]:
    """Return the first cause that applies, the most general first."""
    candidates: tuple[tuple[CauseKind, Iterable[CheckResult]], ...] = (
        (
            "not measured",
            (each for each in failed if each.outcome == "error" and each.kind not in COMPARING),
        ),
        ("role", (each for each in failed if each.kind == "role")),
        ("mediators", (each for kinds in MOVING for each in failed if each.kind in kinds and _moved(each))),
        ("preference", (each for each in failed if each.kind in PREFERENCE and each.outcome == "fail")),
        ("no effect", (each for each in failed if each.parts is not None and each.parts.numerator is None)),
        ("check", sorted(failed, key=lambda each: WEIGHT[each.outcome])),
    )
    return next((kind, cause) for kind, causes in candidates for cause in causes)


def _moved(result: CheckResult) -> bool:
    return bool(result.nodes_lost or result.nodes_gained)
