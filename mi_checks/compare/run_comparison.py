"""Two runs → what changed, by tests corrected together, the surest and largest first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.compare.baseline_record import NO_CHECKS
from mi_checks.compare.fraction_change import STILL, FractionChange, fraction_change
from mi_checks.compare.paired_change import PromptAgreement, agreement
from mi_checks.compare.run_pairs import CheckPair, pairs
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import EFFECT_SIZE, PROPORTION, Estimate
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.p_values import holm, independent_difference, mean_p_value

Sizes = Mapping[tuple[str, str], tuple[float, ...]]  # by behaviour and model, clean − corrupt score, `prompt`
State = Literal["drifted", "improved", "prompts moved", "invalid", "only before", "only after", "unchanged"]
STATES: tuple[State, ...] = (
    "drifted", "improved", "prompts moved", "invalid", "only before", "only after", "unchanged",
)  # fmt: skip
RANK = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}
ROUNDING = 1e-4  # of the values' size: what another machine or engine changes in float32 is less, and means nothing
METHOD = (
    "two-sided paired t-test on the prompts' values (where these are not kept, a z-test of the two intervals); "
    "p corrected by Holm over the {}; 95 % intervals uncorrected; changes below 1/10,000 of the value are rounding; "
    "single prompts of one model have moved where they differ, as a root mean square, by more than a tenth of their "
    "standard deviation"
)
UNKNOWN_PARTS = "whether its numerator or its denominator moved is not known: a run of an older version holds neither"


@dataclass(frozen=True)
class Test:
    """after − before, with its interval, and how sure it is that this is not zero."""

    estimate: Estimate
    p_value: float  # raw
    rounding: bool  # too small to mean anything, however sure


@dataclass(frozen=True)
class CheckChange:
    """What became of one check from one run to another.

    Attributes:
        pair: the check in both runs, or in one.
        state: `drifted` where it holds less well than it did, its value moved significantly and not in the claim's
            favour, or single prompts moved on the same weights; `improved` where it holds better, or its value moved in
            the claim's favour, but not where a fraction rose because its denominator shrank; `prompts moved` where the
            mean of a model's values stayed and single prompts did not, with other weights; `invalid` where it was
            measured on other prompts or measures something else.
        estimate: after − before; None where nothing can be subtracted.
        p_value: Holm-corrected over the comparison; None without a test.
        notes: what else there is to say.
        parts: of a fraction that moved, what became of its numerator and denominator.
        prompts: how far single prompts are apart, where that is all that moved.
    """

    pair: CheckPair
    state: State
    estimate: Estimate | None = None
    p_value: float | None = None
    notes: tuple[str, ...] = ()
    parts: FractionChange | None = None
    prompts: PromptAgreement | None = None

    @property
    def size(self) -> float:
        """|after − before| as a share of the larger of the two, 0 to 2; 1 where an outcome changed without numbers."""
        sides = (self.pair.before, self.pair.after)
        values = [abs(side.estimate.value) for side in sides if side is not None and side.estimate is not None]
        if self.estimate is None or len(values) < 2:
            return 1.0
        larger = max(values)
        return abs(self.estimate.value) / larger if larger else 0.0


def compare(before: Run, after: Run) -> tuple[CheckChange, ...]:
    """Every check of both runs: what drifted, then what improved, each by how sure and how large; then the rest."""
    found = pairs(before, after)
    tests = {place: test for place, pair in enumerate(found) if (test := _test(pair)) is not None}
    corrected = dict(zip(tests, holm(np.array([test.p_value for test in tests.values()])), strict=True))
    sizes = tuple({(each.behaviour, each.model): each.effect_sizes for each in run.evidence} for run in (before, after))
    changes = [
        _change(
            pair,
            tests.get(i),
            float(corrected[i]) if i in tests else None,
            _fraction(pair, sizes),
            same_weights=_weights(before, pair) == _weights(after, pair) != "",
        )
        for i, pair in enumerate(found)
    ]
    return tuple(sorted(changes, key=_order))


def _weights(run: Run, pair: CheckPair) -> str:
    return run.models.get(pair.either.model, {}).get("weights_sha256", "")


def _fraction(pair: CheckPair, sizes: Sequence[Sizes]) -> FractionChange | None:
    """Return how the parts of a fraction changed; None for other values, or if a run does not hold the parts."""
    before, after = pair.before, pair.after
    if before is None or after is None:
        return None
    fractions = (before.per_prompt, after.per_prompt) if _paired(before, after) else ((), ())
    of_all = all(each.parts is not None and each.parts.of == EFFECT_SIZE for each in (before, after))
    known = [of.get((each.behaviour, each.model), ()) for of, each in zip(sizes, (before, after), strict=True)]
    denominators = (known[0], known[1]) if of_all else ((), ())
    return fraction_change(before.parts, after.parts, fractions, denominators, matters=ROUNDING)


def counts(changes: Sequence[CheckChange]) -> dict[State, int]:
    """How many there are of each state that occurs."""
    number = Counter(change.state for change in changes)
    return {state: number[state] for state in STATES if number[state]}


def method(changes: Sequence[CheckChange]) -> str:
    """How these were tested, in words."""
    n = sum(change.p_value is not None for change in changes)
    return METHOD.format(f"{n:,} comparison{'' if n == 1 else 's'}")


def _order(change: CheckChange) -> tuple[int, int, float, str, str]:
    p = 0.0 if change.p_value is None else change.p_value
    sure = sum(
        p >= level for level in (0.001, 0.01, ALPHA)
    )  # p < 10⁻³⁰ is no surer than p < 10⁻²⁰: models are not normal
    named = change.pair.either
    return STATES.index(change.state), sure, -change.size, named.behaviour, named.check


def _change(
    pair: CheckPair, test: Test | None, p_value: float | None, parts: FractionChange | None, *, same_weights: bool
) -> CheckChange:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return CheckChange(pair, "only after" if before is None else "only before")
    why = _incomparable(before, after)
    if why:
        return CheckChange(pair, "invalid", notes=(why,))
    estimate = None if test is None else test.estimate
    moved = test is not None and p_value is not None and p_value < ALPHA and not test.rounding
    sign = (estimate.value > 0) - (estimate.value < 0) if estimate is not None and moved else 0
    state, notes = _state(before, after, sign, parts), list(_notes(before, after))
    apart = _apart(before, after) if state == "unchanged" else None
    if apart is not None:
        unit = "" if after.estimate is None else after.estimate.unit
        moved_prompts: State = "drifted" if same_weights else "prompts moved"
        return CheckChange(pair, moved_prompts, estimate, p_value, (*notes, apart.text(unit)), prompts=apart)
    if state == "unchanged":
        return CheckChange(pair, state, estimate, p_value, tuple(notes))
    if parts is not None:
        notes.append(parts.text)
    elif sign and _is_fraction(before, after):
        notes.append(UNKNOWN_PARTS)
    return CheckChange(pair, state, estimate, p_value, tuple(notes), parts)


def _state(before: CheckResult, after: CheckResult, sign: int, parts: FractionChange | None) -> State:
    """How a check has changed; `sign` is that of the significant change of its value, 0 where there is none."""
    worse = RANK[after.outcome] - RANK[before.outcome]
    favour = _favour(after)
    if worse > 0 or (sign and favour * sign <= 0):
        return "drifted"
    if not sign and not worse:
        return "unchanged"
    return "drifted" if _is_fraction(before, after) and not _is_gain(parts, favour, sign) else "improved"


def _is_fraction(before: CheckResult, after: CheckResult) -> bool:
    return before.parts is not None or after.parts is not None


def _is_gain(parts: FractionChange | None, favour: int, sign: int) -> bool:
    """Whether the numerator of a fraction moved in the claim's favour, which a smaller denominator alone is not.

    Where neither part moved, a better outcome is one: a bound was lowered, or an interval became narrower.
    """
    if parts is None:
        return not sign
    still = parts.numerator.direction == parts.denominator.direction == STILL
    return still or favour == 0 or parts.is_gain("rose" if favour > 0 else "fell")


def _apart(before: CheckResult, after: CheckResult) -> PromptAgreement | None:
    """How far single prompts are apart in two measurements of one model, where that is more than rounding."""
    if before.model != after.model or after.kind in NO_CHECKS or not _paired(before, after):
        return None
    values = np.array(before.per_prompt), np.array(after.per_prompt)
    found = agreement(*values, yes_or_no=before.estimate is not None and before.estimate.unit == PROPORTION)
    return found if found.apart else None


def _paired(before: CheckResult, after: CheckResult) -> bool:
    """Whether the values per prompt are of one node on the same prompts, and their means are the estimates."""
    of_one = before.deciding == after.deciding and (before.at_least is None) == (after.at_least is None)
    return of_one and _kept(before) and _kept(after) and len(before.per_prompt) == len(after.per_prompt) > 1


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


def _test(pair: CheckPair) -> Test | None:
    before, after = pair.before, pair.after
    if before is None or after is None or before.estimate is None or after.estimate is None:
        return None
    if after.kind in NO_CHECKS:  # nearer to a base or farther: the effect itself says that already
        return None
    same_side = (before.at_least is None, before.at_most is None) == (after.at_least is None, after.at_most is None)
    if _incomparable(before, after) or not same_side:  # of `mediators` another side is another node's
        return None
    if _paired(before, after):
        first, second = np.array(before.per_prompt), np.array(after.per_prompt)
        change = second - first
        estimate, p_value = mean_interval(change, before.estimate.unit), mean_p_value(change)
        scale = math.sqrt(max((first**2).mean(), (second**2).mean()))
    else:
        estimate, p_value = independent_difference(before.estimate, after.estimate)
        scale = max(abs(before.estimate.value), abs(after.estimate.value))
    return Test(estimate, p_value, abs(estimate.value) <= ROUNDING * scale)


def _kept(result: CheckResult) -> bool:
    """Whether the values per prompt are those whose mean is the estimate.

    Of a share they are divided by the mean effect size, which a paired test takes as known. As a rule that is
    cautious: the recovered effect and the effect size rise and fall together over prompts.
    """
    if result.estimate is None or not result.per_prompt:
        return False
    mean = sum(result.per_prompt) / len(result.per_prompt)
    return math.isclose(mean, result.estimate.value, rel_tol=1e-4, abs_tol=1e-6)


def _notes(before: CheckResult, after: CheckResult) -> tuple[str, ...]:
    found = []
    if before.outcome != after.outcome:
        found.append(f"{before.outcome} → {after.outcome}")
    if before.bound != after.bound and "error" not in (before.outcome, after.outcome):
        found.append(f"bound: {before.bound or 'none'} → {after.bound or 'none'}")
    if before.deciding != after.deciding and before.deciding and after.deciding:
        found.append(f"deciding: {before.deciding} → {after.deciding}")
    if after.message and RANK[after.outcome] > RANK[before.outcome] and after.estimate is None:
        found.append(after.message.splitlines()[0])
    return tuple(found)
