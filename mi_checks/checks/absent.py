"""`absent`: the behaviour must not show on this model."""

from __future__ import annotations

from mi_checks.checks.accuracy import check_accuracy
from mi_checks.checks.logit_diff import check_logit_diff
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict
from mi_checks.spec.behaviour import Accuracy, Behaviour, Check, LogitDiff


def absence_checks(behaviour: Behaviour) -> tuple[Check, ...]:
    """The checks that say whether the behaviour is there at all."""
    return tuple(entry.check for entry in behaviour.checks if isinstance(entry.check, LogitDiff | Accuracy))


def check_absent(measured: Measurements) -> Verdict:
    """Pass when some behavioural check surely fails, fail when all of them surely pass, else inconclusive."""
    verdicts: list[Verdict] = []
    for check in absence_checks(measured.behaviour):
        if isinstance(check, LogitDiff):
            verdicts.append(check_logit_diff(check, check.bound, measured))
        elif isinstance(check, Accuracy):
            verdicts.append(check_accuracy(check, check.bound, measured))
    claim = "declared absent: not so that " + " and ".join(v.claim for v in verdicts)
    failed = [v for v in verdicts if v.outcome == "fail"]
    if failed:
        shown = failed[0]
        return Verdict("pass", claim, shown.estimate, shown.bound, "", shown.per_prompt)
    shown = next((v for v in verdicts if v.outcome == "inconclusive"), verdicts[0])
    if shown.outcome == "inconclusive":
        return Verdict("inconclusive", claim, shown.estimate, shown.bound, shown.reason, shown.per_prompt)
    reason = "the behaviour shows up on a model for which it is declared absent"
    return Verdict("fail", claim, shown.estimate, shown.bound, reason, shown.per_prompt)
