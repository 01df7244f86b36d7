"""The failures of a run, worst first."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from mi_checks.output.failure_lines import brief_message
from mi_checks.results.run import BASELINE, REFERENCE, CheckResult, FileLine, MutantsResult, Run, mutants_id
from mi_checks.stats.estimate import Estimate

UNMEASURED, FAILED, DRIFTED, SURVIVED, INCONCLUSIVE = range(5)  # worst first
RANKS = {"error": UNMEASURED, "fail": FAILED, "inconclusive": INCONCLUSIVE}


@dataclass(frozen=True)
class Failure:
    """A pytest item that failed.

    Attributes:
        rank: the severity of its kind, one of the constants above.
        kind: the kind of the item.
        excess: how far the value is beyond its bound, as a fraction of the larger of the two; infinite if there is no
            bound or nothing was measured.
        behaviour: the behaviour's name.
        model: the model's name.
        check: the check's id.
        place: where it is claimed.
        estimate: the measured estimate; None if nothing was measured or there is no bound.
        bound: the bound in words, or "".
        message: the full message.
        brief: the message as pytest shows it, without the command that runs the item again.
    """

    rank: int
    kind: str
    excess: float
    behaviour: str
    model: str
    check: str
    place: FileLine
    estimate: Estimate | None
    bound: str
    message: str
    brief: str

    @property
    def headline(self) -> str:
        """Return the message's first line."""
        return self.message.partition("\n")[0]


def failures(run: Run) -> tuple[Failure, ...]:
    """Return the failures of a run, worst first.

    First come those that could not be measured, then those that failed (the furthest beyond its bound first), those
    that drifted, checks that passed on a model in which they are false, and inconclusive ones that are not
    declared so.
    """
    unsorted_failures = [_check_failure(result) for result in run.results if result.is_failure]
    unsorted_failures += [_mutants_failure(result) for result in run.mutants if result.outcome in RANKS]
    return tuple(sorted(unsorted_failures, key=lambda failure: (failure.rank, -failure.excess)))


def _check_failure(result: CheckResult) -> Failure:
    drifted = result.kind in (BASELINE, REFERENCE) and result.outcome == "fail"
    return Failure(
        rank=DRIFTED if drifted else RANKS[result.outcome],
        kind=result.kind,
        excess=_excess(result),
        behaviour=result.behaviour,
        model=result.model,
        check=result.check,
        place=result.place,
        estimate=result.estimate if result.bound else None,
        bound=result.bound,
        message=result.message,
        brief=brief_message(result.message, result),
    )


def _mutants_failure(result: MutantsResult) -> Failure:
    name = mutants_id(result.check)
    return Failure(
        rank=SURVIVED,
        kind="mutants",
        excess=inf,
        behaviour=result.behaviour,
        model=result.model,
        check=name,
        place=result.place,
        estimate=None,
        bound="",
        message=result.message,
        brief=brief_message(result.message, None),
    )


def _excess(result: CheckResult) -> float:
    if result.estimate is None:
        return inf
    value = result.estimate.value
    sides = [(result.at_least, 1), (result.at_most, -1)]
    excesses = [
        sign * (bound - value) / (max(abs(bound), abs(value)) or 1.0) for bound, sign in sides if bound is not None
    ]
    return max(excesses, default=inf)
