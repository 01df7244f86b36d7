"""`logit_diff`: how much the clean prompts favour the answer over the foils."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict, only_above_zero, verdict
from mi_checks.engine.readout import Floats, UnpatchedRuns
from mi_checks.results.claim import Claim
from mi_checks.spec.check import Bound
from mi_checks.spec.preference_checks import LogitDiffCheck
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.intervals import mean_interval


def preference(against: Literal["foils", "corrupt"], unpatched: UnpatchedRuns) -> Floats:
    """Clean logit difference, or by how much it exceeds that on the corrupt prompts, `prompt`."""
    return unpatched.clean.logit_diff if against == "foils" else unpatched.effect_size


def check_logit_diff(check: LogitDiffCheck, bound: Bound, measured: Measurements) -> Verdict:
    """Judge the mean over prompts of the score, by default logit(answer) − logit(foils): clean, or above corrupt.

    A score that rounding may have made on every prompt counts as zero, and zero is no preference.
    """
    values = measured.floor.without_rounding(preference(check.against, measured.unpatched))
    score = measured.batch.score
    claim = Claim("logit difference", against=check.against, score=score, **bound.sides)
    judged = verdict(claim, mean_interval(values, score_unit(score), measured.intervals), bound, tuple(values.tolist()))
    if values.any() or not only_above_zero(bound):
        return judged
    equal = "the answer and the foils score alike" if check.against == "foils" else "clean and corrupt score alike"
    return replace(judged, outcome="fail", reason=f"{equal} on every prompt, but for rounding: there is no preference")
