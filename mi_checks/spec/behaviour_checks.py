"""The behavioural checks: whether the model prefers the answer to the foils, and so shows the behaviour."""

from __future__ import annotations

from typing import Literal

from mi_checks.spec.check import Check, Scale, SidedCheck


class _BehaviourCheck(SidedCheck):
    """The base class of `logit_diff` and `accuracy`, which compare the answer with what `against` names."""

    against: str

    @property
    def id(self) -> str:
        """Return the kind, with `against` in brackets unless that is the default, `foils`."""
        return self.kind if self.against == "foils" else f"{self.kind}[{self.against}]"


class LogitDiffCheck(_BehaviourCheck):
    """Mean over prompts of logit(answer) − mean logit(foils) on the clean prompts.

    Against `corrupt`, the same difference on the corrupt prompt is subtracted, which cancels the tokens' own
    frequencies.
    """

    kind = "logit_diff"
    against: Literal["foils", "corrupt"] = "foils"


class AccuracyCheck(_BehaviourCheck):
    """Fraction of prompts on which the answer wins.

    Against `foils` or the whole `vocabulary`, the answer wins if its logit on the clean prompt is above all of theirs.
    Against `corrupt`, it wins if the logit difference is higher on the clean prompt than on the corrupt one, which
    cancels the tokens' own frequencies.
    """

    kind = "accuracy"
    against: Literal["foils", "vocabulary", "corrupt"] = "foils"

    @property
    def scale(self) -> Scale:
        """Return the scale of a fraction of the prompts."""
        return Scale("accuracy", low=0, high=1)


class AbsentCheck(Check):
    """The claim that a model does not have the behaviour: `models: {nano-attn-1l: absent}`.

    It is not listed under `checks`, and passes if every behavioural check fails.
    """

    kind = "absent"


ABSENT = AbsentCheck.kind
