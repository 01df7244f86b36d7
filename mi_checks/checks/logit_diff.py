"""`logit_diff`: how much the clean prompts favour the answer over the foils."""

from __future__ import annotations

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, verdict
from mi_checks.spec.behaviour import Bound, LogitDiff
from mi_checks.stats import mean_interval


def check_logit_diff(check: LogitDiff, bound: Bound, measured: Measurements) -> Verdict:
    """Mean over prompts of logit(answer) − logit(foils), on the clean prompts or above what it is on the corrupt."""
    values = measured.base.clean.logit_diff if check.against == "foils" else measured.base.gap
    more = "" if check.against == "foils" else " more than on the corrupt prompt"
    claim = f"the answer's logit exceeds the foils'{more} by {bound}"
    return verdict(claim, mean_interval(values, "logits"), bound, tuple(values.tolist()))
