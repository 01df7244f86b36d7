"""Neighbouring models: which ones are compared, the paired tests between them, and the matrix of all effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, permutations

from mi_checks.compare.margins import NO_MARGIN
from mi_checks.compare.paired_change import Measurement, PairedChange, change_between, with_holm_correction
from mi_checks.output.inconclusive_text import refusal_text
from mi_checks.results.evidence import Architecture, Effect
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.judgement import judge
from mi_checks.stats.p_values import prompts_for_significance

NEIGHBOUR_METHOD = (
    "paired tests, two-sided, of the prompts' differences; p corrected by Holm over the {} made here; "
    "95 % intervals, uncorrected"
)


@dataclass(frozen=True, eq=False)
class NeighbourDifference:
    """The difference of a behaviour's effect between two models.

    Attributes:
        step: the two models.
        before: the effect on the first.
        after: the effect on the second, on the same prompts.
        paired: the change between them, with its p-value corrected by Holm.
        observations: about how many prompts, or rows of the factor that clusters them, would make it significant; None
            if no number is enough.
    """

    step: ModelStep
    before: Effect
    after: Effect
    paired: PairedChange
    observations: int | None

    @property
    def estimate(self) -> Estimate:
        """The mean over prompts of after − before."""
        if self.paired.estimate is None:
            raise ValueError(f"{self.behaviour} was not measured on both models")
        return self.paired.estimate

    @property
    def p_value(self) -> float:
        """Of the hypothesis that the two effects are equal, corrected by Holm."""
        return 1.0 if self.paired.p_value is None else self.paired.p_value

    @property
    def behaviour(self) -> str:
        """The behaviour whose effect it is."""
        return self.after.behaviour

    @property
    def needed(self) -> str:
        """`400 prompts` or `40 values of 'noun'`, about how many would make it significant; "" if none would do."""
        if self.observations is None:
            return ""
        of = self.estimate.clustered_by
        return f"{self.observations:,} values of '{of}'" if of else f"{self.observations:,} prompts"

    @property
    def significant(self) -> bool:
        """Whether the two effects differ significantly, after the correction."""
        return self.paired.is_significant

    @property
    def turn(self) -> str:
        """`cannot → can` or `can → cannot` if the difference is significant and one model can; otherwise empty.

        Both are held to the same bounds: the model that cannot also fails each bound that the other is held to.
        """
        by_ability = {effect.ability: effect for effect in (self.before, self.after)}
        if not self.significant or set(by_ability) != {"can", "cannot"}:
            return ""
        if not misses(by_ability["cannot"], held_to=by_ability["can"]):
            return ""
        return f"{self.before.ability} → {self.after.ability}"


def neighbour_differences(effects: Sequence[Effect]) -> tuple[NeighbourDifference, ...]:
    """Compare every behaviour between every two neighbouring models, corrected together.

    A training checkpoint has no neighbours: it differs by more than a layer.
    """
    return differences(effects, neighbour_steps({e.model: e.architecture for e in effects if not e.checkpoint}))


def differences(effects: Iterable[Effect], between: Iterable[ModelStep]) -> tuple[NeighbourDifference, ...]:
    """Compare every behaviour that was measured on both models of a step, on the same prompts, corrected together."""
    by_model: dict[str, dict[str, Effect]] = {}
    for effect in effects:
        by_model.setdefault(effect.model, {})[effect.behaviour] = effect
    pairs = [
        (step, effect, after)
        for step in between
        for behaviour, effect in by_model.get(step.before, {}).items()
        if (after := by_model.get(step.after, {}).get(behaviour)) is not None and comparable(effect, after)
    ]
    raw = [
        change_between(_measurement(before), _measurement(after), NO_MARGIN, after.design) for _, before, after in pairs
    ]
    return tuple(
        NeighbourDifference(step, before, after, change, _observations_to_tell(alone, len(pairs)))
        for (step, before, after), alone, change in zip(pairs, raw, with_holm_correction(raw), strict=True)
    )


def _measurement(effect: Effect) -> Measurement:
    return Measurement(effect.estimate, effect.per_prompt)


def _observations_to_tell(change: PairedChange, comparisons: int) -> int | None:
    p_value = 1.0 if change.p_value is None else change.p_value
    observations = len(change.after.per_prompt) if change.design is None else change.design.observations
    return prompts_for_significance(p_value, observations, comparisons)


def misses(effect: Effect, held_to: Effect) -> bool:
    """Return whether each behavioural check fails by the bounds that another model is held to."""
    bounds = {check.check: Bound(at_least=check.at_least, at_most=check.at_most) for check in held_to.preferences}
    outcomes = [judge(check.estimate, bounds[check.check]) for check in effect.preferences if check.check in bounds]
    return bool(outcomes) and set(outcomes) == {"fail"}


def comparable(first: Effect, second: Effect) -> bool:
    """Return whether both are the same quantity on the same prompts with the same tokenizer."""
    mine, other = ((one.prompts_sha256, one.against, one.estimate.unit) for one in (first, second))
    return mine == other


def neighbour_method(tests: Sequence[NeighbourDifference]) -> str:
    """Return how these differences were tested, in words."""
    return NEIGHBOUR_METHOD.format(f"{len(tests):,} comparison{'' if len(tests) == 1 else 's'}")


@dataclass(frozen=True)
class ModelStep:
    """A step from one model to a neighbour that has one component more."""

    before: str
    after: str
    change: str  # "attention-only, 1 → 2 layers"; "1 layer, attention-only → gelu"


def order(architecture: Architecture) -> tuple[bool, str, int]:
    """Attention-only models first, then those with MLPs by activation; each kind by depth."""
    return architecture.kind != "attention-only", architecture.kind, architecture.n_layers


def deeper(before: Architecture, after: Architecture) -> bool:
    """Return whether the second is the first with one layer more."""
    return (after.kind, after.n_layers, after.n_heads) == (before.kind, before.n_layers + 1, before.n_heads)


def other_kind(before: Architecture, after: Architecture) -> bool:
    """Return whether two models of the same size differ in kind only, and stand in the order of `order`."""
    same_size = (before.n_layers, before.n_heads) == (after.n_layers, after.n_heads)
    return same_size and order(before)[:2] < order(after)[:2]


def neighbour_steps(models: Mapping[str, Architecture]) -> tuple[ModelStep, ...]:
    """Every step between neighbours: to one layer more, kind by kind; then to another kind, depth by depth."""
    ordered = sorted(models.items(), key=lambda item: (order(item[1]), item[0]))
    pairs = list(permutations(ordered, 2))
    down = [step(*first, *second) for first, second in pairs if deeper(first[1], second[1])]
    by_depth = sorted(pairs, key=lambda pair: pair[0][1].n_layers)
    across = [step(*first, *second) for first, second in by_depth if other_kind(first[1], second[1])]
    return (*down, *across)


def step(before: str, first: Architecture, after: str, second: Architecture) -> ModelStep:
    """Return the step between any two models."""
    if first.kind == second.kind:
        change = f"{first.kind}, {first.n_layers} → {second.n_layers} layers"
    elif first.n_layers == second.n_layers:
        layers = f"{first.n_layers} layer{'' if first.n_layers == 1 else 's'}"
        change = f"{layers}, {first.kind} → {second.kind}"
    else:
        change = f"{first.kind}, {first.n_layers} → {second.kind}, {second.n_layers} layers"
    return ModelStep(before, after, change)


@dataclass(frozen=True)
class UnmeasuredCell:
    """A behaviour that could not be measured on a model.

    `skipped` if nothing is wrong: the model must be fetched first, or a model that the file does not list tokenizes too
    few prompts as required.
    """

    behaviour: str
    model: str
    reason: str
    skipped: bool = False


@dataclass(frozen=True)
class EffectMatrix:
    """All effects that were measured, and the requested ones that could not be."""

    effects: tuple[Effect, ...]
    unmeasured: tuple[UnmeasuredCell, ...] = ()

    @property
    def behaviours(self) -> tuple[str, ...]:
        """The behaviours in the order in which they were measured."""
        return tuple(
            dict.fromkeys([*(e.behaviour for e in self.effects), *(cell.behaviour for cell in self._shown_unmeasured)])
        )

    @cached_property
    def architectures(self) -> dict[str, Architecture]:
        """The architecture of every measured model: attention-only first, each kind by depth."""
        found = {effect.model: effect.architecture for effect in self.effects}
        return dict(sorted(found.items(), key=lambda item: order(item[1])))

    @property
    def models(self) -> tuple[str, ...]:
        """The measured models in that order, then those that could not be measured."""
        return tuple(dict.fromkeys([*self.architectures, *(cell.model for cell in self._shown_unmeasured)]))

    @property
    def kinds(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The models of each kind."""
        grouped = groupby(self.models, lambda name: self.architectures[name].kind if name in self.architectures else "")
        return tuple((kind, tuple(names)) for kind, names in grouped)

    @property
    def _shown_unmeasured(self) -> tuple[UnmeasuredCell, ...]:
        """The unmeasured cells that appear in the table: everything that was not skipped."""
        return tuple(cell for cell in self.unmeasured if not (cell.skipped and self.effects))

    @cached_property
    def cells(self) -> dict[tuple[str, str], Effect]:
        """The effects by behaviour and model."""
        return {(effect.behaviour, effect.model): effect for effect in self.effects}

    @cached_property
    def failed(self) -> dict[tuple[str, str], UnmeasuredCell]:
        """What could not be measured, by behaviour and model."""
        return {(cell.behaviour, cell.model): cell for cell in self.unmeasured}

    @cached_property
    def differences(self) -> tuple[NeighbourDifference, ...]:
        """The differences between neighbours, corrected together."""
        return neighbour_differences(self.effects)

    @property
    def reasons(self) -> dict[str, tuple[str, ...]]:
        """What could not be measured (`induction on smollm2-135m`), by the reason."""
        found: dict[str, tuple[str, ...]] = {}
        for cell in self.unmeasured:
            found[cell.reason] = (*found.get(cell.reason, ()), f"{cell.behaviour} on {cell.model}")
        return found

    @property
    def refusals(self) -> dict[str, tuple[str, ...]]:
        """The effects without an interval (`induction on nano-attn-1l`), by the reason."""
        found: dict[str, tuple[str, ...]] = {}
        for effect in self.effects:
            if effect.estimate.refusal is not None:
                why = f"no interval: {refusal_text(effect.estimate.refusal)}"
                found[why] = (*found.get(why, ()), f"{effect.behaviour} on {effect.model}")
        return found

    @property
    def untested(self) -> dict[ModelStep, tuple[str, ...]]:
        """The behaviours of each step whose difference has no interval."""
        by_step = groupby(self.differences, lambda test: test.step)
        return {step: tuple(t.behaviour for t in tests if t.estimate.refusal is not None) for step, tests in by_step}

    @property
    def changes(self) -> dict[ModelStep, tuple[NeighbourDifference, ...]]:
        """The significant differences of each step; first those between "cannot" and "can"."""
        by_step = groupby(self.differences, lambda test: test.step)
        return {step: ranked(tests) for step, tests in by_step}


def ranked(tests: Iterable[NeighbourDifference]) -> tuple[NeighbourDifference, ...]:
    """Return the significant differences: first those between "cannot" and "can", then by size."""
    significant = (test for test in tests if test.significant)
    return tuple(sorted(significant, key=lambda test: (not test.turn, -abs(test.estimate.value))))
