"""`absent`: the behaviour must not show on this model."""

from __future__ import annotations

from dataclasses import replace

from mi_checks.checks.accuracy import check_accuracy
from mi_checks.checks.logit_diff import check_logit_diff
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict
from mi_checks.results.claim import Claim
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import Check
from mi_checks.spec.preference_checks import AccuracyCheck, LogitDiffCheck


def absence_checks(behaviour: Behaviour) -> tuple[Check, ...]:
    """Return the checks that say whether the behaviour is there at all."""
    return tuple(entry.check for entry in behaviour.checks if isinstance(entry.check, LogitDiffCheck | AccuracyCheck))


def check_absent(measured: Measurements) -> Verdict:
    """Pass when every one of these checks surely fails, fail when one surely passes, else inconclusive.

    Every one, because a model that meets some of them has part of the behaviour, and part is not absent.
    """
    verdicts: list[Verdict] = []
    for check in absence_checks(measured.behaviour):
        if isinstance(check, LogitDiffCheck):
            verdicts.append(check_logit_diff(check, check.bound, measured))
        elif isinstance(check, AccuracyCheck):
            verdicts.append(check_accuracy(check, check.bound, measured))
    claim = Claim("absence", denied=tuple(each.claim for each in verdicts))
    by_outcome = {
        outcome: [v for v in verdicts if v.outcome == outcome] for outcome in ("pass", "inconclusive", "fail")
    }
    if by_outcome["pass"]:
        shown = by_outcome["pass"][0]
        what = "logit_diff" if shown.claim.quantity == "logit difference" else "accuracy"
        reason = f"the model is declared not to have the behaviour, but has it: {what} is {shown.bound}"
        best = max(range(len(shown.per_prompt)), key=shown.per_prompt.__getitem__)
        return replace(shown, outcome="fail", claim=claim, reason=reason, worst=best)
    if by_outcome["inconclusive"]:
        return replace(by_outcome["inconclusive"][0], claim=claim)
    return replace(verdicts[0], outcome="pass", claim=claim, reason="")
