"""The checks of behaviour: `logit_diff`, `accuracy` and `absent`, which denies the other two."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, only_above_zero, verdict
from mi_checks.engine.readout import UnpatchedRuns
from mi_checks.results.claim import Claim
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.behaviour_checks import AccuracyCheck, LogitDiffCheck
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import PROPORTION
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import PROBABILITY, mean_interval
from mi_checks.stats.mean_tests import bound_p_value


def effect_per_prompt(against: Literal["foils", "corrupt"], unpatched: UnpatchedRuns) -> Floats:
    """Return the clean logit difference, or by how much it exceeds that on the corrupt prompts, `prompt`."""
    return unpatched.clean.logit_diff if against == "foils" else unpatched.effect_size


def check_logit_diff(check: LogitDiffCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the mean over prompts of the score, by default logit(answer) − logit(foils): clean, or above corrupt.

    Scores that are rounding error on every prompt count as zero, so the difference is zero.
    """
    values = measured.floor.without_rounding(effect_per_prompt(check.against, measured.unpatched))
    score = measured.batch.score
    claim = Claim("logit difference", against=check.against, score=score, **bound.sides)
    estimate = mean_interval(values, score_unit(score), measured.design, floor=measured.floor, cache=measured.intervals)
    p_value = bound_p_value(values, bound, measured.design)
    result = verdict(claim, estimate, bound, tuple(values.tolist()), p_value, is_zero=not values.any())
    if values.any() or not only_above_zero(bound):
        return result
    equal = (
        "the answer and the foils have equal scores"
        if check.against == "foils"
        else "clean and corrupt prompts have equal scores"
    )
    reason = f"{equal} on every prompt, apart from rounding: the difference is zero"
    return replace(result, outcome="fail", p_value=1.0, reason=reason)


def check_accuracy(check: AccuracyCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the fraction of prompts on which the answer wins.

    An answer that is ahead by no more than rounding error is tied, and a tie is not a win.
    """
    clean, effect_size = measured.unpatched.clean, measured.unpatched.effect_size
    won = {
        "foils": clean.beats_foils,
        "vocabulary": clean.is_top,
        "corrupt": effect_size > measured.floor.per_prompt,
    }[check.against]
    claim = Claim("accuracy", against=check.against, **bound.sides)
    values = won.astype(float)
    estimate = mean_interval(values, PROPORTION, measured.design, limits=PROBABILITY, cache=measured.intervals)
    p_value = bound_p_value(values, bound, measured.design, limits=PROBABILITY)
    margin = effect_size if check.against == "corrupt" else clean.logit_diff
    return replace(verdict(claim, estimate, bound, tuple(values.tolist()), p_value), worst=int(margin.argmin()))


def absence_checks(behaviour: Behaviour) -> tuple[Check, ...]:
    """Return the checks that say whether the model has the behaviour at all."""
    return tuple(entry.check for entry in behaviour.checks if isinstance(entry.check, LogitDiffCheck | AccuracyCheck))


def check_absent(measured: Measurements) -> Verdict:
    """Judge absence: pass if each of these checks fails, fail if one passes, and otherwise inconclusive.

    A model that passes some of them has part of the behaviour, which is therefore not absent.
    """
    verdicts: list[Verdict] = []
    for check in absence_checks(measured.behaviour):
        if isinstance(check, LogitDiffCheck):
            verdicts.append(check_logit_diff(check, check.bound, measured))
        elif isinstance(check, AccuracyCheck):
            verdicts.append(check_accuracy(check, check.bound, measured))
    claim = Claim("absence", denied=tuple(each.claim for each in verdicts))
    p_value = max(_denial_p_value(each, measured) for each in verdicts)
    by_outcome = {
        outcome: [v for v in verdicts if v.outcome == outcome] for outcome in ("pass", "inconclusive", "fail")
    }
    if by_outcome["pass"]:
        shown = by_outcome["pass"][0]
        what = "logit_diff" if shown.claim.quantity == "logit difference" else "accuracy"
        reason = f"the model is declared not to have the behaviour, but has it: {what} is {shown.bound}"
        best = max(range(len(shown.per_prompt)), key=shown.per_prompt.__getitem__)
        return replace(shown, outcome="fail", claim=claim, reason=reason, worst=best, p_value=p_value)
    if by_outcome["inconclusive"]:
        return replace(by_outcome["inconclusive"][0], claim=claim, p_value=p_value)
    return replace(verdicts[0], outcome="pass", claim=claim, reason="", p_value=p_value)


def _denial_p_value(verdict: Verdict, measured: Measurements) -> float:
    """Return the p-value of the hypothesis that a check of behaviour is true; below 2.5 % if the check fails."""
    values, bound = np.array(verdict.per_prompt), verdict.bound
    if verdict.outcome == "fail" and not values.any() and verdict.claim.quantity == "logit difference":
        return 0.0  # zero apart from rounding
    limits = PROBABILITY if verdict.claim.quantity == "accuracy" else None
    sides = [] if bound.at_least is None else [Bound(at_most=bound.at_least)]
    sides += [] if bound.at_most is None else [Bound(at_least=bound.at_most)]
    return min(bound_p_value(values, side, measured.design, limits=limits) for side in sides)
