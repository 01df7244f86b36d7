"""`accuracy`: on what share of the clean prompts the answer wins."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, verdict
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.preference_checks import AccuracyCheck
from mi_checks.stats.intervals import proportion_interval


def check_accuracy(check: AccuracyCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the share of prompts on which the answer wins against what the check names.

    An answer that is ahead by no more than rounding may change is not ahead: it is a tie, and nothing wins it.
    """
    clean, effect_size = measured.unpatched.clean, measured.unpatched.effect_size
    won = {
        "foils": clean.beats_foils,
        "vocabulary": clean.is_top,
        "corrupt": effect_size > measured.floor.per_prompt,
    }[check.against]
    claim = Claim("accuracy", against=check.against, **bound.sides)
    estimate = proportion_interval(int(won.sum()), len(won))
    margin = effect_size if check.against == "corrupt" else clean.logit_diff
    return replace(verdict(claim, estimate, bound, tuple(won.astype(float).tolist())), worst=int(margin.argmin()))
