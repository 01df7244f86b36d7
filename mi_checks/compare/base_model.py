"""A model compared with a reference model: whether the behaviour is the same, and whether the mechanism is.

Behaviour is the preference: on the same prompts, the paired difference of each effect is *kept* where its whole 95 %
interval lies within ± what matters, *changed* where it surely lies beyond (a t-test against the nearer end, corrected
by Holm over the effects), and otherwise it cannot be told. Mechanism is the set of heads that mediate: how much each
recovers may shift. That nothing was found is never read as kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.compare.agreement import PromptAgreement, agreement
from mi_checks.compare.mediator_sets import MATTERS, MediatorSetChange, all_lost, set_change
from mi_checks.compare.recorded import RecordedCheck
from mi_checks.results.evidence import Mediator
from mi_checks.spec.check import Bound
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import PROPORTION, Estimate, Outcome
from mi_checks.stats.intervals import mean_interval, paired_proportion_interval
from mi_checks.stats.judgement import judge
from mi_checks.stats.p_values import holm, mean_beyond_p_value

TENTH = 0.1  # of the base's mean, or of its standard deviation over prompts where that is more

State = Literal["kept", "changed", "cannot tell", "not applicable"]
VERDICTS: dict[tuple[State, State], str] = {
    ("kept", "kept"): "both kept",
    ("kept", "changed"): "behaviour kept by another mechanism",
    ("changed", "kept"): "mechanism kept but behaviour changed",
    ("changed", "changed"): "both changed",
    ("kept", "not applicable"): "behaviour kept",
    ("changed", "not applicable"): "behaviour changed",
    ("cannot tell", "not applicable"): "behaviour cannot be told",
    ("kept", "cannot tell"): "behaviour kept, mechanism cannot be told",
    ("changed", "cannot tell"): "behaviour changed, mechanism cannot be told",
    ("cannot tell", "kept"): "mechanism kept, behaviour cannot be told",
    ("cannot tell", "changed"): "mechanism changed, behaviour cannot be told",
    ("cannot tell", "cannot tell"): "neither can be told",
}


@dataclass(frozen=True)
class EffectChange:
    """One effect of the preference in the base and in the model.

    Attributes:
        name: the check's id.
        then: in the base.
        now: in the model.
        change: now − then, paired.
        matters: the smallest difference, either way, that is another behaviour.
        state: kept, changed or cannot tell.
        per_prompt: the differences, `prompt`.
        prompts: how far single prompts are apart. It is shown and decides nothing: a fine-tuned model may answer single
            prompts otherwise and show the behaviour as it did.
    """

    name: str
    then: Estimate
    now: Estimate
    change: Estimate
    matters: float
    state: State
    per_prompt: tuple[float, ...]
    prompts: PromptAgreement

    @property
    def bound(self) -> Bound:
        """What the difference is held to."""
        return Bound(at_least=-self.matters, at_most=self.matters)


@dataclass(frozen=True)
class ReferenceComparison:
    """What a model is to its base in one behaviour.

    Attributes:
        effects: of the preference.
        mechanism: whether the same heads mediate; not applicable where nothing is claimed of nodes, or none mediates.
        mediators: which heads left and joined.
        has_effect_size: whether the model tells clean and corrupt apart, without which no head has a share.
    """

    effects: tuple[EffectChange, ...]
    mechanism: State
    mediators: MediatorSetChange
    has_effect_size: bool = True

    @property
    def behaviour(self) -> State:
        """Changed where one effect surely is, kept where every one is."""
        return self.deciding.state

    @property
    def deciding(self) -> EffectChange:
        """The first that changed; else that of which it cannot be told; else the first."""
        order: tuple[State, ...] = ("changed", "cannot tell", "kept")
        return min(self.effects, key=lambda effect: order.index(effect.state))

    @property
    def verdict(self) -> str:
        """One of four, or what cannot be told."""
        return VERDICTS[self.behaviour, self.mechanism]

    @property
    def outcome(self) -> Outcome:
        """Pass only where all that can be asked is kept; inconclusive where some cannot be told and none changed."""
        states = {self.behaviour, self.mechanism}
        return "fail" if "changed" in states else "inconclusive" if "cannot tell" in states else "pass"


def judge_against(
    then: Mapping[str, RecordedCheck],
    now: Mapping[str, RecordedCheck],
    mediators: tuple[tuple[Mediator, ...], tuple[Mediator, ...]] | None,
    effect_sizes: tuple[Sequence[float], Sequence[float]] = ((), ()),
    unit: str = "",
) -> ReferenceComparison:
    """Compare a model with its base.

    Args:
        then: the base's effects, by name, on the same prompts; at least one, with values for each prompt.
        now: the model's, likewise.
        mediators: the strongest heads of the base's sweeps and of the model's; None where nodes do not come into it.
        effect_sizes: clean − corrupt score of the base and of the model, `prompt`; empty where it is not known.
        unit: of the score.
    """
    names = list(then)
    changes = [np.subtract(now[name].per_prompt, then[name].per_prompt) for name in names]
    margins = [_matters(then[name]) for name in names]
    p_values = [mean_beyond_p_value(change, margin) for change, margin in zip(changes, margins, strict=True)]
    effects = tuple(
        _effect(name, then[name], now[name], margin, p_value)
        for name, margin, p_value in zip(names, margins, holm(np.array(p_values)), strict=True)
    )
    if mediators is None:
        return ReferenceComparison(effects, "not applicable", MediatorSetChange())
    before, after = mediators
    heads = set_change(before, after, effect_sizes, unit) if after else all_lost(before)
    return ReferenceComparison(effects, _mechanism(heads), heads, has_effect_size=bool(after))


def _effect(name: str, then: RecordedCheck, now: RecordedCheck, matters: float, p_value: float) -> EffectChange:
    if then.estimate is None or now.estimate is None:
        raise ValueError(f"{name} was not measured")
    before, after = np.array(then.per_prompt), np.array(now.per_prompt)
    yes_or_no = then.estimate.unit == PROPORTION
    change = (
        paired_proportion_interval(before, after) if yes_or_no else mean_interval(after - before, now.estimate.unit)
    )
    within = judge(change, Bound(at_least=-matters, at_most=matters)) == "pass"
    state: State = "kept" if within else "changed" if p_value < ALPHA else "cannot tell"
    differences = tuple((after - before).tolist())
    prompts = agreement(before, after, yes_or_no=yes_or_no)
    return EffectChange(name, then.estimate, now.estimate, change, matters, state, differences, prompts)


def _matters(then: RecordedCheck) -> float:
    """Return a tenth of the mean or, if larger, of the standard deviation: half of what Cohen (1988) calls small."""
    values = np.array(then.per_prompt)
    return float(max(MATTERS, TENTH * abs(values.mean()), TENTH * values.std(ddof=1)))


def _mechanism(heads: MediatorSetChange) -> State:
    if heads.changed:
        return "changed"
    if heads.unsure:
        return "cannot tell"
    return "kept" if heads.stayed or heads.relative else "not applicable"
