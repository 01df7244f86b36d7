"""`accuracy`: on what share of the clean prompts the answer wins."""

from __future__ import annotations

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, verdict
from mi_checks.spec.behaviour import Accuracy, Bound
from mi_checks.stats import proportion_interval


def check_accuracy(check: Accuracy, bound: Bound, measured: Measurements) -> Verdict:
    """Share of clean prompts on which the answer is above every foil, or above the whole vocabulary."""
    clean = measured.base.clean
    won = clean.is_top if check.against == "vocabulary" else clean.beats_foils
    rivals = "every other token" if check.against == "vocabulary" else "every foil"
    claim = f"the answer beats {rivals} on {bound} of the prompts"
    estimate = proportion_interval(int(won.sum()), len(won))
    # The logit difference orders the prompts within won and lost, so that the worst prompt can be shown.
    return verdict(claim, estimate, bound, tuple(clean.logit_diff.tolist()))
