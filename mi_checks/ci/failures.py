"""What of a run is red, the worst first."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from mi_checks.output.failure_lines import brief
from mi_checks.results.run import CheckResult, MutantsResult, Place, Run, mutants_id
from mi_checks.stats.estimate import Estimate

BASELINE, BASE = "baseline", "base"  # kinds of the items that compare with what was recorded, and with another model
UNMEASURED, FAILED, DRIFTED, SURVIVED, UNSURE = range(5)  # from what is worst
RANKS = {"error": UNMEASURED, "fail": FAILED, "inconclusive": UNSURE}


@dataclass(frozen=True)
class Failure:
    """One item of pytest that failed.

    Attributes:
        rank: how bad it is by its kind, one of those above.
        kind: of the item.
        beyond: how far beyond its bound it measured, as a share of the larger of both; infinite where there is no bound
            or nothing was measured.
        place: where it is claimed.
        estimate: what was measured, None where nothing was or there is no bound to hold it to.
        message: in full.
        brief: as pytest tells it, without the command that runs it again.
    """

    rank: int
    kind: str
    beyond: float
    behaviour: str
    model: str
    check: str
    place: Place
    estimate: Estimate | None
    bound: str
    message: str
    brief: str

    @property
    def headline(self) -> str:
        """The message's first line."""
        return self.message.partition("\n")[0]


def failures(run: Run) -> tuple[Failure, ...]:
    """Those of a run: what could not be measured, then what failed, the furthest beyond its bound first, what drifted,
    checks that passed where they are false, and what is inconclusive."""
    found = [_of_check(result) for result in run.results if result.outcome in RANKS]
    found += [_of_mutants(result) for result in run.mutants if result.outcome in RANKS]
    return tuple(sorted(found, key=lambda failure: (failure.rank, -failure.beyond)))  # ties: in the order of the run


def _of_check(result: CheckResult) -> Failure:
    drifted = result.kind in (BASELINE, BASE) and result.outcome == "fail"
    return Failure(
        rank=DRIFTED if drifted else RANKS[result.outcome],
        kind=result.kind,
        beyond=_beyond(result),
        behaviour=result.behaviour,
        model=result.model,
        check=result.check,
        place=result.place,
        estimate=result.estimate if result.bound else None,
        bound=result.bound,
        message=result.message,
        brief=brief(result.message, result),
    )


def _of_mutants(result: MutantsResult) -> Failure:
    name = mutants_id(result.check)
    return Failure(
        rank=SURVIVED,
        kind="mutants",
        beyond=inf,
        behaviour=result.behaviour,
        model=result.model,
        check=name,
        place=result.place,
        estimate=None,
        bound="",
        message=result.message,
        brief=brief(result.message, None),
    )


def _beyond(result: CheckResult) -> float:
    if result.estimate is None:
        return inf
    value = result.estimate.value
    sides = [(result.at_least, 1), (result.at_most, -1)]
    shares = [
        sign * (bound - value) / (max(abs(bound), abs(value)) or 1.0) for bound, sign in sides if bound is not None
    ]
    return max(shares, default=inf)
