"""A model compared with a reference model: whether the behaviour is equivalent, and whether the mechanism is the same.

The behaviour is what `logit_diff` and `accuracy` measure; the mechanism is the set of mediating heads. Each of these
checks is *kept* on the same prompts if the whole 95 % interval of its paired difference lies within ± the equivalence
margin, *changed* if the difference is significantly beyond it (a paired test against the nearer end, corrected by Holm
over the checks), and otherwise inconclusive. Equivalence and difference are separate questions: an effect may differ
significantly and still be kept, and the message says so. A non-significant difference alone never counts as kept. How
much each mediating head recovers may shift.
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
from mi_checks.output.inconclusive_text import refusal_text, settling_text
from mi_checks.output.numbers import first_names, number
from mi_checks.results.evidence import Mediator
from mi_checks.results.run import REFERENCE, CheckResult
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Outcome
from mi_checks.stats.sampling import SamplingDesign

Equivalence = Literal["kept", "changed", "inconclusive", "not applicable"]
VERDICTS: dict[tuple[Equivalence, Equivalence], str] = {
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
STATE_OF_DIRECTION: dict[Direction, Equivalence] = {
    "rose": "changed",
    "fell": "changed",
    "unchanged": "kept",
    "inconclusive": "inconclusive",
}


@dataclass(frozen=True)
class EffectChange:
    """One behavioural effect in the reference model and in the model.

    Attributes:
        name: the check's id.
        equivalence_test: the change from the reference model, tested against the equivalence margin.
        difference_test: the same change, tested against the smallest one that counts in a comparison of runs.
    """

    name: str
    equivalence_test: PairedChange
    difference_test: PairedChange

    @property
    def state(self) -> Equivalence:
        """Kept, changed or inconclusive."""
        return STATE_OF_DIRECTION[self.equivalence_test.direction]

    @property
    def reference_estimate(self) -> Estimate:
        """The effect in the reference model."""
        return _require_estimate(self.name, self.equivalence_test.before.estimate)

    @property
    def model_estimate(self) -> Estimate:
        """The effect in the model."""
        return _require_estimate(self.name, self.equivalence_test.after.estimate)

    @property
    def paired_difference(self) -> Estimate:
        """The paired difference, model − reference model."""
        return _require_estimate(self.name, self.equivalence_test.estimate)

    @property
    def per_prompt(self) -> tuple[float, ...]:
        """The difference on each prompt."""
        return tuple(self.equivalence_test.differences.tolist())

    @property
    def prompts(self) -> PromptAgreement | None:
        """How much the values of single prompts differ.

        It is shown and decides nothing: a fine-tuned model may answer single prompts differently and still keep the
        behaviour.
        """
        return self.equivalence_test.prompts

    @property
    def bound(self) -> Bound:
        """The equivalence margin, as a bound."""
        return Bound(at_least=-self.equivalence_test.margin, at_most=self.equivalence_test.margin)


@dataclass(frozen=True)
class ReferenceComparison:
    """The comparison of a model with its reference model in one behaviour.

    Attributes:
        effects: the behavioural effects.
        mechanism: whether the same heads mediate; not applicable if nothing is claimed about nodes, or no head mediates
            in either model.
        mediators: which heads left the set and joined it.
        has_effect_size: whether clean − corrupt of the model is above zero, without which no fraction is defined.
    """

    effects: tuple[EffectChange, ...]
    mechanism: Equivalence
    mediators: MediatorSetChange
    has_effect_size: bool = True

    @property
    def behaviour(self) -> Equivalence:
        """Changed if any effect changed significantly, kept if every one is kept."""
        return self.deciding_effect.state

    @property
    def deciding_effect(self) -> EffectChange:
        """The first effect that changed, or else the first inconclusive one, or else the first."""
        order: tuple[Equivalence, ...] = ("changed", "inconclusive", "kept")
        return min(self.effects, key=lambda effect: order.index(effect.state))

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return VERDICTS[self.behaviour, self.mechanism]

    @property
    def outcome(self) -> Outcome:
        """Fail if either changed; otherwise inconclusive if either is inconclusive; otherwise pass."""
        states = {self.behaviour, self.mechanism}
        return "fail" if "changed" in states else "inconclusive" if "inconclusive" in states else "pass"


def compare_with_reference(
    reference_checks: Mapping[str, RecordedCheck],
    model_checks: Mapping[str, RecordedCheck],
    mediators: tuple[tuple[Mediator, ...], tuple[Mediator, ...]] | None,
    design: SamplingDesign,
    effect_sizes: tuple[Sequence[float], Sequence[float]] = ((), ()),
    unit: str = "",
) -> ReferenceComparison:
    """Compare a model with its reference model.

    Args:
        reference_checks: the reference model's effects, by name, on the same prompts; at least one, with values per
            prompt.
        model_checks: the model's effects.
        mediators: the strongest heads of both models' sweeps; None if nothing is claimed about nodes.
        design: how the prompts were drawn.
        effect_sizes: clean − corrupt score of both models, `prompt`; empty if it is not known.
        unit: the unit of the score.
    """
    equivalence_tests, difference_tests = [], []
    for name, reference in reference_checks.items():
        margin = equivalence_margin(np.array(reference.per_prompt))
        equivalence_tests.append(change_between(reference, model_checks[name], margin, design))
        difference_margin = change_margin(reference.estimate)
        difference_tests.append(change_between(reference, model_checks[name], difference_margin, design))
    effects = tuple(
        map(
            EffectChange,
            reference_checks,
            with_holm_correction(equivalence_tests),
            with_holm_correction(difference_tests),
        )
    )
    if mediators is None:
        return ReferenceComparison(effects, "not applicable", MediatorSetChange())
    reference_mediators, model_mediators = mediators
    has_effect_size = bool(model_mediators)  # without one no fraction is defined, so the sweeps list no head
    if has_effect_size:
        heads = mediator_set_change(reference_mediators, model_mediators, effect_sizes, unit)
    else:
        heads = all_mediators_lost(reference_mediators)
    return ReferenceComparison(effects, _mechanism(heads), heads, has_effect_size=has_effect_size)


def _require_estimate(name: str, estimate: Estimate | None) -> Estimate:
    if estimate is None:
        raise ValueError(f"{name} was not measured")
    return estimate


def _mechanism(heads: MediatorSetChange) -> Equivalence:
    if heads.changed:
        return "changed"
    if heads.uncertain:
        return "inconclusive"
    return "kept" if heads.stayed or heads.only_denominator_changed else "not applicable"


def reference_message(comparison: ReferenceComparison, reference: str, weights: tuple[str, str]) -> str:
    """Return the full message: the verdict, what decided it, and each effect and mediating head in both models.

    Args:
        comparison: the comparison.
        reference: the name of the reference model, and where its numbers are from.
        weights: the hashes of the two models' weights.
    """
    lines = [f"{comparison.verdict}: {'; '.join(_reasons(comparison))}", f"  reference {reference}"]
    lines.append(f"  weights   {' → '.join(each[:12] for each in weights)}")
    lines += [f"  {'effects' if i == 0 else '':<9} {_effect_line(each)}" for i, each in enumerate(comparison.effects)]
    kinds = ("lost", "gained", "uncertain", "only_denominator_changed", "stayed")
    return "\n".join([*lines, *mediator_lines(comparison.mediators, kinds)])


def reference_reason(comparison: ReferenceComparison) -> str:
    """Return the message's most important lines, for the terminal: the deciding effect, and heads lost and gained."""
    heads = brief_mediator_lines(comparison.mediators, ("lost", "gained", "uncertain"))
    return "\n".join([_effect_line(comparison.deciding_effect), *heads])


def verdict_lines(results: Iterable[CheckResult], reference: str) -> list[str]:
    """Return the lines of the terminal summary: the number of behaviours of each verdict, and their names."""
    behaviours: dict[str, list[str]] = {}
    for result in results:
        if result.kind == REFERENCE:
            verdict = result.verdict or ("skipped" if result.outcome == "skipped" else "not compared")
            behaviours.setdefault(verdict, []).append(result.behaviour)
    if not behaviours:
        return []
    width = len(str(max(map(len, behaviours.values()))))
    ordered = sorted(behaviours.items(), key=lambda item: -len(item[1]))
    return [
        f"against {reference}:",
        *(f"  {len(names):>{width}} {verdict}: {first_names(names, MAX_NAMED)}" for verdict, names in ordered),
    ]


def _reasons(comparison: ReferenceComparison) -> Iterator[str]:
    effect, heads = comparison.deciding_effect, comparison.mediators
    if effect.state != "kept":
        reference, model = effect.reference_estimate, effect.model_estimate
        yield f"{effect.name} {number(reference.value, 3)} → {number(model.value, 3)} {model.unit}"
    if heads.changed:
        why = "" if comparison.has_effect_size else ": clean − corrupt is not above zero"
        yield f"mediators {', '.join(heads.with_signs[:MAX_NAMED])}{why}"
    if heads.uncertain and not heads.changed:
        verb = "mediates" if len(heads.uncertain) == 1 else "mediate"
        yield f"uncertain whether {', '.join(list(heads.uncertain)[:MAX_NAMED])} {verb} in both models"


def _effect_line(effect: EffectChange) -> str:
    reference, model, difference = effect.reference_estimate, effect.model_estimate, effect.paired_difference
    margin = number(effect.equivalence_test.margin, 3)
    text = f"{effect.name} {interval_text(reference)} → {interval_text(model)} {model.unit}, "
    text += f"difference {interval_text(difference)}, equivalence margin ±{margin}: {effect.state}"
    if effect.state == "kept" and effect.difference_test.is_significant:
        text += f" (it {effect.difference_test.direction} significantly, but within the margin)"
    if effect.prompts is not None and effect.prompts.exceeds_rounding:
        text += f"; {effect.prompts.text(model.unit)}"
    if effect.state != "inconclusive":
        return text
    refusal = effect.equivalence_test.refusal or difference.refusal
    return f"{text}; {settling_text(difference, effect.bound) if refusal is None else refusal_text(refusal)}"
