"""Two runs → what changed, by tests corrected together, the most significant and largest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mi_checks.compare.baseline_record import NO_CHECKS
from mi_checks.compare.fraction_change import FractionChange, favoured_direction, fraction_change, is_better
from mi_checks.compare.margins import change_margin, rounding_margin
from mi_checks.compare.paired_change import PairedChange, PromptAgreement, change_between, with_holm_correction
from mi_checks.compare.run_pairs import CheckPair, check_pairs
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.estimate import ALPHA, Estimate
from mi_checks.stats.sampling import SamplingDesign, independent

EffectSizes = Mapping[tuple[str, str], tuple[float, ...]]  # by behaviour and model, clean − corrupt score, `prompt`
State = Literal[
    "drifted", "improved", "prompts moved", "inconclusive", "invalid", "only before", "only after", "unchanged"
]
STATES: tuple[State, ...] = (
    "drifted", "improved", "prompts moved", "inconclusive", "invalid", "only before", "only after", "unchanged",
)  # fmt: skip
COMPARED_STATES = frozenset(STATES) - {"invalid", "only before", "only after"}  # of checks that could be compared
OUTCOME_RANK = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 3}
P_VALUE_LEVELS = (0.001, 0.01, ALPHA)  # by which changes are sorted
COMPARISON_METHOD = (
    "two-sided paired test on the values per prompt, against the smallest change that counts: 0.01, or 1 % of the "
    "earlier value if that is more (without values per prompt, a z-test of the two intervals); p corrected by Holm "
    "over the {}; 95 % intervals uncorrected; unchanged if the whole interval lies within that margin or the numbers "
    "differ by rounding only, otherwise inconclusive; single prompts of one model have moved if they differ, as a root "
    "mean square, by more than a tenth of their standard deviation"
)
UNKNOWN_PARTS = (
    "it is not known whether the numerator or the denominator moved: a run of an older version of mi-checks does not "
    "store them"
)


@dataclass(frozen=True)
class CheckChange:
    """What became of one check from one run to another.

    Attributes:
        pair: the check in both runs, or in one.
        state: `drifted` if its outcome got worse, its value moved significantly and not in the claim's favour, it can
            be measured in one run only, or single prompts moved on the same weights; `improved` if its outcome got
            better, or its value moved in the claim's favour, but not if a fraction rose because its denominator shrank;
            `prompts moved` if the mean of a model's values stayed and single prompts did not, with other weights;
            `inconclusive` if neither a change nor its absence is shown, or either value has no interval; `invalid` if
            it was measured on other prompts or measures something else.
        change: the paired change of its value; None if the two values cannot be subtracted.
        notes: what else there is to say.
        parts: of a fraction that moved, how its numerator and denominator changed.
        prompts: how far single prompts are apart, if that is all that moved.
    """

    pair: CheckPair
    state: State
    change: PairedChange | None = None
    notes: tuple[str, ...] = ()
    parts: FractionChange | None = None
    prompts: PromptAgreement | None = None

    @property
    def estimate(self) -> Estimate | None:
        """After − before; None if nothing can be subtracted."""
        return None if self.change is None else self.change.estimate

    @property
    def p_value(self) -> float | None:
        """Holm-corrected over the comparison; None without a test."""
        return None if self.change is None else self.change.p_value

    @property
    def size(self) -> float:
        """|after − before| as a fraction of the larger of the two, 0 to 2; 1 if there are no two numbers."""
        sides = (self.pair.before, self.pair.after)
        values = [abs(side.estimate.value) for side in sides if side is not None and side.estimate is not None]
        if self.estimate is None or len(values) < 2:
            return 1.0
        larger = max(values)
        return abs(self.estimate.value) / larger if larger else 0.0


def compare_runs(before: Run, after: Run) -> tuple[CheckChange, ...]:
    """Return every check of both runs: what drifted, then what improved, most significant first; then the rest."""
    all_pairs = check_pairs(before, after)
    designs = _designs(after)
    tested = {i: change for i, pair in enumerate(all_pairs) if (change := _paired_change(pair, designs)) is not None}
    tested = dict(zip(tested, with_holm_correction(tuple(tested.values())), strict=True))
    sizes = tuple({(each.behaviour, each.model): each.effect_sizes for each in run.evidence} for run in (before, after))
    changes = [
        _check_change(pair, tested.get(i), sizes, same_weights=_weights(before, pair) == _weights(after, pair) != "")
        for i, pair in enumerate(all_pairs)
    ]
    return tuple(sorted(changes, key=_order))


def count_states(changes: Sequence[CheckChange]) -> dict[State, int]:
    """Return the number of changes in each state that occurs."""
    number = Counter(change.state for change in changes)
    return {state: number[state] for state in STATES if number[state]}


def comparison_method(changes: Sequence[CheckChange]) -> str:
    """Return how these were tested, in words."""
    n = sum(change.p_value is not None for change in changes)
    return COMPARISON_METHOD.format(f"{n:,} comparison{'' if n == 1 else 's'}")


def _weights(run: Run, pair: CheckPair) -> str:
    return run.models.get(pair.either.model, {}).get("weights_sha256", "")


def _order(change: CheckChange) -> tuple[int, int, float, str, str]:
    # Levels of significance, not p-values: p < 10⁻³⁰ is no more certain than p < 10⁻²⁰, as models are not normal.
    p_value = 0.0 if change.p_value is None else change.p_value
    level = sum(p_value >= level for level in P_VALUE_LEVELS)
    either = change.pair.either
    return STATES.index(change.state), level, -change.size, either.behaviour, either.check


def _designs(run: Run) -> dict[tuple[str, str], SamplingDesign]:
    """Return how the prompts of each behaviour and model were drawn."""
    return {(each.behaviour, each.model): each.effect.design for each in run.evidence}


def _independent(result: CheckResult) -> SamplingDesign | None:
    """Return the design of a result without evidence; None if its prompts share rows, and it is not known which."""
    shares_rows = result.estimate is not None and result.estimate.clusters is not None
    return None if shares_rows else independent(len(result.per_prompt))


def _paired_change(pair: CheckPair, designs: Mapping[tuple[str, str], SamplingDesign]) -> PairedChange | None:
    """Return the change of a check's value; None if the two values cannot be subtracted."""
    before, after = pair.before, pair.after
    if before is None or after is None or after.kind in NO_CHECKS or "error" in (before.outcome, after.outcome):
        return None  # the item of a baseline or reference model has a difference for its value already
    if (before.estimate is None and after.estimate is None) or _why_invalid(before, after):
        return None
    if not _same_side(before, after):
        return None
    design = designs.get((after.behaviour, after.model)) or _independent(after)
    return change_between(before, after, change_margin(before.estimate), design)


def _check_change(
    pair: CheckPair, change: PairedChange | None, sizes: Sequence[EffectSizes], *, same_weights: bool
) -> CheckChange:
    before, after = pair.before, pair.after
    if before is None or after is None:
        return CheckChange(pair, "only after" if before is None else "only before")
    why = _why_invalid(before, after)
    if why:
        return CheckChange(pair, "invalid", notes=(why,))
    notes = _notes(before, after)
    refused = change is not None and change.refusal is not None
    worse = 0 if refused else OUTCOME_RANK[after.outcome] - OUTCOME_RANK[before.outcome]
    if worse == 0 and not (change is not None and change.is_significant):
        return _without_significant_change(pair, change, notes, same_weights=same_weights)
    if change is None:
        return CheckChange(pair, "drifted" if worse > 0 else "improved", notes=notes)
    known = tuple(by.get((each.behaviour, each.model), ()) for by, each in zip(sizes, (before, after), strict=True))
    parts = fraction_change(change, (known[0], known[1]))
    improved = worse <= 0 and _has_gained(change, after, parts)
    if parts is not None:
        notes = (*notes, parts.text)
    elif change.is_significant and (before.parts is not None or after.parts is not None):
        notes = (*notes, UNKNOWN_PARTS)
    return CheckChange(pair, "improved" if improved else "drifted", change, notes, parts)


def _has_gained(change: PairedChange, result: CheckResult, parts: FractionChange | None) -> bool:
    """Return whether a check whose outcome is no worse has improved, by its value if that moved."""
    favoured = favoured_direction(result)
    if change.is_significant:
        return is_better(change, favoured, parts) is True
    # The outcome is better with the same value: a bound was lowered, or the interval became narrower.
    return parts is None or parts.is_still or favoured is None or parts.is_gain(favoured)


def _without_significant_change(
    pair: CheckPair, change: PairedChange | None, notes: tuple[str, ...], *, same_weights: bool
) -> CheckChange:
    before, after = pair.before, pair.after
    if before is None or after is None:
        raise ValueError("the check is in one run only")
    if change is None:
        subtracted = before.estimate is None or after.kind in NO_CHECKS or _same_side(before, after)
        return CheckChange(pair, "unchanged" if subtracted else "inconclusive", notes=notes)
    if change.evidence == "none":
        when = "before" if after.estimate is None else "after"
        return CheckChange(pair, "drifted", change, (*notes, f"it could be measured only {when}"))
    if before.model == after.model and change.prompts is not None and change.prompts.exceeds_rounding:
        unit = "" if after.estimate is None else after.estimate.unit
        state: State = "drifted" if same_weights else "prompts moved"
        return CheckChange(pair, state, change, (*notes, change.prompts.text(unit)), prompts=change.prompts)
    if change.refusal is not None:
        return CheckChange(pair, "inconclusive", change, (*notes, f"no interval: {refusal_text(change.refusal)}"))
    unchanged = change.is_same_number or change.direction == "unchanged"
    if unchanged and _is_small_change(change, before, after):
        unit = "" if after.estimate is None else after.estimate.unit
        notes = (*notes, f"differs by more than rounding, but by less than the {change.margin:.3g} {unit} that count")
    if not unchanged and change.estimate is not None and change.estimate.refusal is not None:
        notes = (*notes, f"no interval of the difference: {refusal_text(change.estimate.refusal)}")
    return CheckChange(pair, "unchanged" if unchanged else "inconclusive", change, notes)


def _is_small_change(change: PairedChange, before: CheckResult, after: CheckResult) -> bool:
    """Return whether the interval of an unchanged value lies beyond rounding on one side of zero."""
    if change.estimate is None or before.estimate is None or after.estimate is None:
        return False
    return max(change.estimate.low, -change.estimate.high) > rounding_margin(before.estimate, after.estimate)


def _same_side(before: CheckResult, after: CheckResult) -> bool:
    """Return whether both bounds are of the same side; on another side, `mediators` shows another node."""
    return (before.at_least is None, before.at_most is None) == (after.at_least is None, after.at_most is None)


def _why_invalid(before: CheckResult, after: CheckResult) -> str:
    """Return why a difference between them would mean nothing; empty if it means something."""
    if "error" in (before.outcome, after.outcome):
        return ""
    if before.prompts_sha256 != after.prompts_sha256:
        return "measured on other prompts, or with another tokenizer"
    units = [result.estimate.unit for result in (before, after) if result.estimate is not None]
    if before.kind != after.kind or len(set(units)) > 1:
        return f"another quantity: {' → '.join(units)}" if len(set(units)) > 1 else "another kind of check"
    return ""


def _notes(before: CheckResult, after: CheckResult) -> tuple[str, ...]:
    notes = []
    if before.outcome != after.outcome:
        notes.append(f"{before.outcome} → {after.outcome}")
    if before.bound != after.bound and "error" not in (before.outcome, after.outcome):
        notes.append(f"bound: {before.bound or 'none'} → {after.bound or 'none'}")
    if before.deciding != after.deciding and before.deciding and after.deciding:
        notes.append(f"deciding: {before.deciding} → {after.deciding}")
    if after.message and OUTCOME_RANK[after.outcome] > OUTCOME_RANK[before.outcome] and after.estimate is None:
        notes.append(after.message.splitlines()[0])
    return tuple(notes)
