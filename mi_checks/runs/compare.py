"""Two runs → what changed, by tests corrected together, the surest and largest first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

from mi_checks.baselines.recorded import NO_CHECKS
from mi_checks.record import CheckResult, Estimate, Run
from mi_checks.runs.pairs import Pair, pairs
from mi_checks.stats import ALPHA, holm, mean_interval, mean_p_value

State = Literal["drifted", "improved", "invalid", "only before", "only after", "unchanged"]
STATES: tuple[State, ...] = ("drifted", "improved", "invalid", "only before", "only after", "unchanged")
RANK = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}
ROUNDING = 1e-4  # of the values' size: what another machine or engine changes in float32 is less, and means nothing
METHOD = (
    "two-sided paired t-test on the prompts' values (where these are not kept, a z-test of the two intervals); "
    "p corrected by Holm over the {}; 95 % intervals uncorrected; changes below 1/10,000 of the value are rounding"
)


@dataclass(frozen=True)
class Test:
    """after − before, with its interval, and how sure it is that this is not zero."""

    estimate: Estimate
    p_value: float  # raw
    rounding: bool  # too small to mean anything, however sure


@dataclass(frozen=True)
class Change:
    """What became of one check from one run to another.

    Attributes:
        pair: the check in both runs, or in one.
        state: `drifted` where it holds less well than it did, or its value surely moved and not in the claim's favour;
            `improved` likewise; `invalid` where it was measured on other prompts or measures something else.
        estimate: after − before; None where nothing can be subtracted.
        p_value: Holm-corrected over the comparison; None without a test.
        notes: what else there is to say.
    """

    pair: Pair
    state: State
    estimate: Estimate | None = None
    p_value: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> float:
        """|after − before| as a share of the larger of the two, 0 to 2; 1 where an outcome changed without numbers."""
        sides = (self.pair.before, self.pair.after)
        values = [abs(side.estimate.value) for side in sides if side is not None and side.estimate is not None]
        if self.estimate is None or len(values) < 2:
            return 1.0
        larger = max(values)
        return abs(self.estimate.value) / larger if larger else 0.0


def compare(before: Run, after: Run) -> tuple[Change, ...]:
    """Every check of both runs: what drifted, then what improved, each by how sure and how large; then the rest."""
    found = pairs(before, after)
    tests = {place: test for place, pair in enumerate(found) if (test := _test(pair)) is not None}
    corrected = dict(zip(tests, holm(np.array([test.p_value for test in tests.values()])), strict=True))
    changes = [_change(pair, tests.get(i), float(corrected[i]) if i in tests else None) for i, pair in enumerate(found)]
    return tuple(sorted(changes, key=_order))


def counts(changes: Sequence[Change]) -> dict[State, int]:
    """How many there are of each state that occurs."""
    number = Counter(change.state for change in changes)
    return {state: number[state] for state in STATES if number[state]}


def method(changes: Sequence[Change]) -> str:
    """How these were tested, in words."""
    n = sum(change.p_value is not None for change in changes)
    return METHOD.format(f"{n:,} comparison{'' if n == 1 else 's'}")


def _order(change: Change) -> tuple[int, int, float, str, str]:
    p = 0.0 if change.p_value is None else change.p_value
    sure = sum(
        p >= level for level in (0.001, 0.01, ALPHA)
    )  # p < 10⁻³⁰ is no surer than p < 10⁻²⁰: models are not normal
    named = change.pair.either
    return STATES.index(change.state), sure, -change.size, named.behaviour, named.check


def _change(pair: Pair, test: Test | None, p_value: float | None) -> Change:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return Change(pair, "only after" if before is None else "only before")
    why = _incomparable(before, after)
    if why:
        return Change(pair, "invalid", notes=(why,))
    estimate = None if test is None else test.estimate
    return Change(pair, _state(before, after, test, p_value), estimate, p_value, _notes(before, after))


def _state(before: CheckResult, after: CheckResult, test: Test | None, p_value: float | None) -> State:
    worse = RANK[after.outcome] - RANK[before.outcome]
    moved = test is not None and p_value is not None and p_value < ALPHA and not test.rounding
    favour = _favour(after) * math.copysign(1, test.estimate.value) if test is not None and moved else 0
    if worse > 0 or (moved and favour <= 0):
        return "drifted"
    return "improved" if worse < 0 or moved else "unchanged"


def _favour(result: CheckResult) -> int:
    """1 where more is better by the claim, −1 where less is, 0 where neither."""
    sides = (result.at_least is not None) - (result.at_most is not None)
    return -sides if result.kind == "absent" else sides


def _incomparable(before: CheckResult, after: CheckResult) -> str:
    """Why a difference between them would mean nothing; empty where it would mean something."""
    if "error" in (before.outcome, after.outcome):
        return ""
    if before.prompts_sha256 != after.prompts_sha256:
        return "measured on other prompts, or under another tokenizer"
    units = [result.estimate.unit for result in (before, after) if result.estimate is not None]
    if before.kind != after.kind or len(set(units)) > 1:
        return f"another quantity: {' → '.join(units)}" if len(set(units)) > 1 else "another kind of check"
    return ""


def _test(pair: Pair) -> Test | None:
    before, after = pair.before, pair.after
    if before is None or after is None or before.estimate is None or after.estimate is None:
        return None
    if after.kind in NO_CHECKS:  # nearer to a base or farther: the effect itself says that already
        return None
    same_side = (before.at_least is None, before.at_most is None) == (after.at_least is None, after.at_most is None)
    if _incomparable(before, after) or not same_side:  # of `mediators` another side is another node's
        return None
    if _kept(before) and _kept(after) and len(before.per_prompt) == len(after.per_prompt) > 1:
        first, second = np.array(before.per_prompt), np.array(after.per_prompt)
        change = second - first
        estimate, p_value = mean_interval(change, before.estimate.unit), mean_p_value(change)
        scale = math.sqrt(max((first**2).mean(), (second**2).mean()))
    else:
        estimate, p_value = _of_intervals(before.estimate, after.estimate)
        scale = max(abs(before.estimate.value), abs(after.estimate.value))
    return Test(estimate, p_value, abs(estimate.value) <= ROUNDING * scale)


def _kept(result: CheckResult) -> bool:
    """Whether the values per prompt are those whose mean is the estimate.

    Of a share they are divided by the mean gap, which a paired test takes as known. As a rule that is
    cautious: recovered and gap rise and fall together over prompts.
    """
    if result.estimate is None or not result.per_prompt:
        return False
    mean = sum(result.per_prompt) / len(result.per_prompt)
    return math.isclose(mean, result.estimate.value, rel_tol=1e-4, abs_tol=1e-6)


def _of_intervals(before: Estimate, after: Estimate) -> tuple[Estimate, float]:
    """Two estimates as if independent and normal, which on the same prompts is cautious."""
    z = -float(ndtri(ALPHA / 2))
    error = math.hypot(before.high - before.low, after.high - after.low) / (2 * z)
    change = after.value - before.value
    p_value = (0.0 if change else 1.0) if error == 0 else float(2 * ndtr(-abs(change) / error))
    n = min(before.n, after.n)
    return Estimate(change, change - z * error, change + z * error, n, after.unit, "of two intervals"), p_value


def _notes(before: CheckResult, after: CheckResult) -> tuple[str, ...]:
    found = []
    if before.outcome != after.outcome:
        found.append(f"{before.outcome} → {after.outcome}")
    if before.bound != after.bound and "error" not in (before.outcome, after.outcome):
        found.append(f"bound: {before.bound or 'none'} → {after.bound or 'none'}")
    deciding = [_deciding(result.claim) for result in (before, after)]
    if deciding[0] != deciding[1] and all(deciding):
        found.append(f"deciding: {deciding[0]} → {deciding[1]}")
    if after.message and RANK[after.outcome] > RANK[before.outcome] and after.estimate is None:
        found.append(after.message.splitlines()[0])
    return tuple(found)


def _deciding(claim: str) -> str:
    return claim.rpartition("deciding: ")[2].rstrip(")") if "deciding: " in claim else ""
