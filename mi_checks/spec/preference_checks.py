"""Checks of the model's preference for the answer: whether the model shows the behaviour."""

from __future__ import annotations

from typing import Literal

from mi_checks.spec.check import Check, Scale, SidedCheck


class _PreferenceCheck(SidedCheck):
    """The base class of the two checks of the preference itself, which is measured against a rival."""

    against: str

    @property
    def id(self) -> str:
        """Return the kind with the rival, unless the rival is the default, `foils`."""
        return self.kind if self.against == "foils" else f"{self.kind}[{self.against}]"


class LogitDiffCheck(_PreferenceCheck):
    """Mean over prompts of logit(answer) − mean logit(foils) on the clean prompts.

    Against `corrupt`, the same difference on the corrupt prompt is subtracted, which cancels the tokens' own
    frequencies.
    """

    kind = "logit_diff"
    against: Literal["foils", "corrupt"] = "foils"


class AccuracyCheck(_PreferenceCheck):
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

    It stands in no list of checks, and holds where every check of the preference fails.
    """

    kind = "absent"


ABSENT = AbsentCheck.kind
