"""A model compared with a reference model: whether the behaviour is equivalent, and whether the mechanism is the same.

Behaviour means the checks of the preference. On the same prompts, each is *kept* if the whole 95 % interval of its
paired difference lies within ± the equivalence margin, *changed* if it is significantly beyond (a t-test against the
nearer end, corrected by Holm over the effects), and otherwise inconclusive. Equivalence is another question than
difference: an effect may differ significantly and be kept, and the message says so. Mechanism means the set of heads
that mediate; how much each recovers may shift. A difference that was not found is never read as kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mi_checks.compare.baseline_drift import MAX_NAMED, brief_mediator_lines, interval_text, mediator_lines
from mi_checks.compare.baseline_record import RecordedCheck
from mi_checks.compare.margins import change_margin, equivalence_margin
from mi_checks.compare.mediator_sets import MediatorSetChange, all_mediators_lost, mediator_set_change
from mi_checks.compare.paired_change import (
    Direction,
    PairedChange,
    PromptAgreement,
    change_between,
    with_holm_correction,
)
from mi_checks.output.numbers import number
from mi_checks.results.evidence import Mediator
from mi_checks.results.run import REFERENCE, CheckResult
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Outcome
from mi_checks.stats.judgement import prompts_to_settle

State = Literal["kept", "changed", "inconclusive", "not applicable"]
VERDICTS: dict[tuple[State, State], str] = {
    ("kept", "kept"): "both kept",
    ("kept", "changed"): "behaviour kept by another mechanism",
    ("changed", "kept"): "mechanism kept but behaviour changed",
    ("changed", "changed"): "both changed",
    ("kept", "not applicable"): "behaviour kept",
    ("changed", "not applicable"): "behaviour changed",
    ("inconclusive", "not applicable"): "behaviour inconclusive",
    ("kept", "inconclusive"): "behaviour kept, mechanism inconclusive",
    ("changed", "inconclusive"): "behaviour changed, mechanism inconclusive",
    ("inconclusive", "kept"): "mechanism kept, behaviour inconclusive",
    ("inconclusive", "changed"): "mechanism changed, behaviour inconclusive",
    ("inconclusive", "inconclusive"): "both inconclusive",
}


STATES: dict[Direction, State] = {
    "rose": "changed",
    "fell": "changed",
    "unchanged": "kept",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True)
class EffectChange:
    """One effect of the preference in the reference model and in the model.

    Attributes:
        name: the check's id.
        equivalence: the change from the reference model, held to the equivalence margin.
        difference: the same change, held to the smallest one that counts in a comparison of runs.
    """

    name: str
    equivalence: PairedChange
    difference: PairedChange

    @property
    def state(self) -> State:
        """Kept, changed or inconclusive."""
        return STATES[self.equivalence.direction]

    @property
    def then(self) -> Estimate:
        """The effect in the reference model."""
        return _measured(self.name, self.equivalence.before.estimate)

    @property
    def now(self) -> Estimate:
        """The effect in the model."""
        return _measured(self.name, self.equivalence.after.estimate)

    @property
    def change(self) -> Estimate:
        """Now − then, paired."""
        return _measured(self.name, self.equivalence.estimate)

    @property
    def per_prompt(self) -> tuple[float, ...]:
        """The differences, `prompt`."""
        return tuple(self.equivalence.differences.tolist())

    @property
    def prompts(self) -> PromptAgreement | None:
        """How far single prompts are apart.

        It is shown and decides nothing: a fine-tuned model may answer single prompts differently and still keep the
        behaviour.
        """
        return self.equivalence.prompts

    @property
    def bound(self) -> Bound:
        """What the difference is held to."""
        return Bound(at_least=-self.equivalence.margin, at_most=self.equivalence.margin)


@dataclass(frozen=True)
class ReferenceComparison:
    """The comparison of a model with its reference model in one behaviour.

    Attributes:
        effects: those of the preference.
        mechanism: whether the same heads mediate; not applicable if nothing is claimed about nodes, or none mediates.
        mediators: which heads left the set and joined it.
        has_effect_size: whether clean − corrupt of the model is above zero, without which no fraction is defined.
    """

    effects: tuple[EffectChange, ...]
    mechanism: State
    mediators: MediatorSetChange
    has_effect_size: bool = True

    @property
    def behaviour(self) -> State:
        """Changed if any effect changed significantly, kept if every one is kept."""
        return self.deciding.state

    @property
    def deciding(self) -> EffectChange:
        """The first effect that changed, or else the first inconclusive one, or else the first."""
        order: tuple[State, ...] = ("changed", "inconclusive", "kept")
        return min(self.effects, key=lambda effect: order.index(effect.state))

    @property
    def verdict(self) -> str:
        """The verdict in words; one of four if nothing is inconclusive."""
        return VERDICTS[self.behaviour, self.mechanism]

    @property
    def outcome(self) -> Outcome:
        """Pass if everything applicable is kept; inconclusive if something is and nothing changed."""
        states = {self.behaviour, self.mechanism}
        return "fail" if "changed" in states else "inconclusive" if "inconclusive" in states else "pass"


def compare_with_reference(
    then: Mapping[str, RecordedCheck],
    now: Mapping[str, RecordedCheck],
    mediators: tuple[tuple[Mediator, ...], tuple[Mediator, ...]] | None,
    effect_sizes: tuple[Sequence[float], Sequence[float]] = ((), ()),
    unit: str = "",
) -> ReferenceComparison:
    """Compare a model with its reference model.

    Args:
        then: the reference model's effects, by name, on the same prompts; at least one, with values per prompt.
        now: the model's effects.
        mediators: the strongest heads of both models' sweeps; None if nothing is claimed about nodes.
        effect_sizes: clean − corrupt score of both models, `prompt`; empty if it is not known.
        unit: of the score.
    """
    margins = {name: equivalence_margin(np.array(each.per_prompt)) for name, each in then.items()}
    equivalences = with_holm_correction([change_between(each, now[name], margins[name]) for name, each in then.items()])
    differences = with_holm_correction(
        [change_between(each, now[name], change_margin(each.estimate)) for name, each in then.items()]
    )
    effects = tuple(map(EffectChange, then, equivalences, differences))
    if mediators is None:
        return ReferenceComparison(effects, "not applicable", MediatorSetChange())
    before, after = mediators
    heads = mediator_set_change(before, after, effect_sizes, unit) if after else all_mediators_lost(before)
    return ReferenceComparison(effects, _mechanism(heads), heads, has_effect_size=bool(after))


def _measured(name: str, estimate: Estimate | None) -> Estimate:
    if estimate is None:
        raise ValueError(f"{name} was not measured")
    return estimate


def _mechanism(heads: MediatorSetChange) -> State:
    if heads.changed:
        return "changed"
    if heads.uncertain:
        return "inconclusive"
    return "kept" if heads.stayed or heads.relative else "not applicable"


def reference_message(comparison: ReferenceComparison, reference: str, weights: tuple[str, str]) -> str:
    """Return the verdict, what decided it, and each effect and head in both models.

    Args:
        comparison: the comparison.
        reference: the name of the reference model, and where its numbers are from.
        weights: the hashes of the two models' weights.
    """
    lines = [f"{comparison.verdict}: {'; '.join(_because(comparison))}", f"  reference {reference}"]
    lines.append(f"  weights   {' → '.join(each[:12] for each in weights)}")
    lines += [f"  {'effects' if i == 0 else '':<9} {_effect_line(each)}" for i, each in enumerate(comparison.effects)]
    return "\n".join(
        [*lines, *mediator_lines(comparison.mediators, ("lost", "gained", "uncertain", "relative", "stayed"))]
    )


def reference_reason(comparison: ReferenceComparison) -> str:
    """Return the message's most important lines, for the terminal: the deciding effect, and heads lost and gained."""
    heads = brief_mediator_lines(comparison.mediators, ("lost", "gained", "uncertain"))
    return "\n".join([_effect_line(comparison.deciding), *heads])


def verdict_lines(results: Iterable[CheckResult], base: str) -> list[str]:
    """Return the lines of the terminal summary: the number of behaviours of each verdict, and their names."""
    behaviours: dict[str, list[str]] = {}
    for result in results:
        if result.kind == REFERENCE:
            verdict = result.verdict or {"skipped": "skipped"}.get(result.outcome, "not compared")
            behaviours.setdefault(verdict, []).append(result.behaviour)
    if not behaviours:
        return []
    width = len(str(max(map(len, behaviours.values()))))
    ordered = sorted(behaviours.items(), key=lambda item: -len(item[1]))
    return [f"against {base}:", *(f"  {len(names):>{width}} {verdict}: {_some(names)}" for verdict, names in ordered)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")


def _because(comparison: ReferenceComparison) -> Iterator[str]:
    effect, heads = comparison.deciding, comparison.mediators
    if effect.state != "kept":
        yield f"{effect.name} {number(effect.then.value, 3)} → {number(effect.now.value, 3)} {effect.now.unit}"
    if heads.changed:
        why = "" if comparison.has_effect_size else ": clean − corrupt is not above zero"
        yield f"mediators {', '.join(heads.signed[:MAX_NAMED])}{why}"
    if heads.uncertain and not heads.changed:
        yield f"whether {', '.join(list(heads.uncertain)[:MAX_NAMED])} mediates in both"


def _effect_line(effect: EffectChange) -> str:
    values = f"{effect.name} {interval_text(effect.then)} → {interval_text(effect.now)} {effect.now.unit}"
    held = f"differs by {interval_text(effect.change)}, ±{number(effect.equivalence.margin, 3)} matters: {effect.state}"
    if effect.state == "kept" and effect.difference.is_significant:
        held += f" within that margin, though it {effect.difference.direction} significantly"
    needed = prompts_to_settle(effect.change, effect.bound) if effect.state == "inconclusive" else None
    apart = f"; {effect.prompts.text(effect.now.unit)}" if effect.prompts is not None and effect.prompts.apart else ""
    return f"{values}, {held}{apart}" + (f"; about {needed} prompts needed" if needed else "")
