"""A model compared with a reference model: whether the behaviour is the same, and whether the mechanism is.

Behaviour is the preference: on the same prompts, the paired difference of each effect is *kept* where its whole 95 %
interval lies within ± what matters, *changed* where it surely lies beyond (a t-test against the nearer end, corrected
by Holm over the effects), and otherwise it cannot be told. Mechanism is the set of heads that mediate: how much each
recovers may shift. That nothing was found is never read as kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.compare.baseline_drift import NAMED, brief_shares, interval_text, share_lines
from mi_checks.compare.baseline_record import RecordedCheck
from mi_checks.compare.mediator_sets import MATTERS, MediatorSetChange, all_lost, set_change
from mi_checks.compare.paired_change import PromptAgreement, agreement
from mi_checks.output.numbers import number
from mi_checks.results.evidence import Mediator
from mi_checks.results.run import BASE, CheckResult
from mi_checks.spec.check import Bound
from mi_checks.stats.bootstrap import ALPHA
from mi_checks.stats.estimate import PROPORTION, Estimate, Outcome
from mi_checks.stats.intervals import mean_interval, paired_proportion_interval
from mi_checks.stats.judgement import judge, prompts_to_settle
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


def claim(judgement: ReferenceComparison, base: str) -> str:
    """Return the verdict, also that of an item that passes: `both kept, against nano-attn-2l`."""
    return f"{judgement.verdict}, against {base}"


def base_message(judgement: ReferenceComparison, base: str, weights: tuple[str, str]) -> str:
    """Return the verdict, what decided it, and each effect and head in both models.

    Args:
        judgement: what was found.
        base: how the base is called, and where its numbers are from.
        weights: hashes of the base's and of the model's.
    """
    lines = [f"{judgement.verdict}: {'; '.join(_because(judgement))}", f"  base      {base}"]
    lines.append(f"  weights   {' → '.join(each[:12] for each in weights)}")
    lines += [f"  {'effects' if i == 0 else '':<9} {_effect_line(each)}" for i, each in enumerate(judgement.effects)]
    return "\n".join([*lines, *share_lines(judgement.mediators, ("lost", "gained", "unsure", "relative", "stayed"))])


def base_reason(judgement: ReferenceComparison) -> str:
    """Return the message's most important lines, for the terminal: the deciding effect, and heads lost and gained."""
    heads = brief_shares(judgement.mediators, ("lost", "gained", "unsure"))
    return "\n".join([_effect_line(judgement.deciding), *heads])


def verdict_lines(results: Iterable[CheckResult], base: str) -> list[str]:
    """For the last lines of the terminal: how many behaviours there are of each verdict, and which."""
    behaviours: dict[str, list[str]] = {}
    for result in results:
        if result.kind == BASE:
            told = result.verdict or {"skipped": "skipped"}.get(result.outcome, "not judged")
            behaviours.setdefault(told, []).append(result.behaviour)
    if not behaviours:
        return []
    width = len(str(max(map(len, behaviours.values()))))
    ordered = sorted(behaviours.items(), key=lambda item: -len(item[1]))
    return [f"against {base}:", *(f"  {len(names):>{width}} {told}: {_some(names)}" for told, names in ordered)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _because(judgement: ReferenceComparison) -> Iterator[str]:
    effect, heads = judgement.deciding, judgement.mediators
    if effect.state != "kept":
        yield f"{effect.name} {number(effect.then.value, 3)} → {number(effect.now.value, 3)} {effect.now.unit}"
    if heads.changed:
        why = "" if judgement.has_effect_size else ": clean and corrupt are no longer told apart"
        yield f"mediators {', '.join(heads.signed[:NAMED])}{why}"
    if heads.unsure and not heads.changed:
        yield f"whether {', '.join(list(heads.unsure)[:NAMED])} mediates in both"


def _effect_line(effect: EffectChange) -> str:
    told = f"{effect.name} {interval_text(effect.then)} → {interval_text(effect.now)} {effect.now.unit}"
    held = f"differs by {interval_text(effect.change)}, ±{number(effect.matters, 3)} matters: {effect.state}"
    needed = prompts_to_settle(effect.change, effect.bound) if effect.state == "cannot tell" else None
    apart = f"; {effect.prompts.text(effect.now.unit)}" if effect.prompts.apart else ""
    return f"{told}, {held}{apart}" + (f"; about {needed} prompts would tell" if needed else "")
