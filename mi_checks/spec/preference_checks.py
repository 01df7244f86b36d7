"""Checks of the preference itself: whether the behaviour is there at all."""

from __future__ import annotations

from typing import Literal

from mi_checks.spec.bound import Scale
from mi_checks.spec.check import Check, SidedCheck


class _Preference(SidedCheck):
    """What the two checks of the preference itself have in common: a rival."""

    against: str

    @property
    def id(self) -> str:
        """With the rival, unless it is the usual one."""
        return self.kind if self.against == "foils" else f"{self.kind}[{self.against}]"


class LogitDiff(_Preference):
    """Mean over prompts of logit(answer) − mean logit(foils) on the clean prompts.

    Against `corrupt`, what the same difference is on the corrupt prompt is taken off, which leaves the tokens' own
    frequencies out.
    """

    kind = "logit_diff"
    against: Literal["foils", "corrupt"] = "foils"


class Accuracy(_Preference):
    """Share of prompts on which the answer wins.

    Against `foils` or the whole `vocabulary`: its logit on the clean prompt is above all of theirs. Against `corrupt`:
    the logit difference is higher on the clean prompt than on the corrupt one, which leaves the tokens' own frequencies
    out.
    """

    kind = "accuracy"
    against: Literal["foils", "vocabulary", "corrupt"] = "foils"

    @property
    def scale(self) -> Scale:
        """Return that of a share of the prompts."""
        return Scale("accuracy", low=0, high=1)


class AbsentCheck(Check):
    """The claim that a model does not have the behaviour: `models: {nano-attn-1l: absent}`.

    It stands in no list of checks, and holds where every check of the preference fails.
    """

    kind = "absent"


ABSENT = AbsentCheck.kind
