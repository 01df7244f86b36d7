"""The paired test between two models on the same prompts, and its correction over all that are made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from mi_checks.compare.neighbouring import ModelStep, steps
from mi_checks.results.evidence import Effect
from mi_checks.spec.check import Bound
from mi_checks.stats.bootstrap import ALPHA, Floats
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.judgement import judge
from mi_checks.stats.p_values import holm, mean_p_value, prompts_to_tell

METHOD = (
    "paired t-test, two-sided, on the prompts' differences; p corrected by Holm over the {} made here; "
    "95 % intervals by bootstrap over prompts, uncorrected"
)


@dataclass(frozen=True, eq=False)
class NeighbourDifference:
    """What a behaviour's effect does from one model to another.

    Attributes:
        step: the two models.
        before: the effect on the first.
        after: the effect on the second, on the same prompts.
        change: `prompt`, after − before.
        p_value: Holm-corrected.
        prompts: about how many would make it significant; None where no number helps.
    """

    step: ModelStep
    before: Effect
    after: Effect
    change: Floats
    p_value: float
    prompts: int | None

    @cached_property
    def estimate(self) -> Estimate:
        """The mean over prompts of after − before; made when asked for: a bootstrap costs far more than the test."""
        return mean_interval(self.change, self.before.estimate.unit)

    @property
    def behaviour(self) -> str:
        """Which behaviour's effect it is."""
        return self.after.behaviour

    @property
    def significant(self) -> bool:
        """Whether it is more than chance would do, all comparisons considered."""
        return self.p_value < ALPHA

    @property
    def turn(self) -> str:
        """`cannot → can` or `can → cannot`, where it is one and the difference significant; otherwise nothing.

        By one yardstick: the model that cannot surely fails each bound that the other is held to, too.
        """
        by_ability = {effect.ability: effect for effect in (self.before, self.after)}
        if not self.significant or set(by_ability) != {"can", "cannot"}:
            return ""
        if not misses(by_ability["cannot"], held_to=by_ability["can"]):
            return ""
        return f"{self.before.ability} → {self.after.ability}"


def neighbour_differences(effects: Sequence[Effect]) -> tuple[NeighbourDifference, ...]:
    """Every behaviour between every two neighbours among the models, corrected together.

    A training checkpoint is nobody's neighbour: it lacks more than a layer.
    """
    return differences(effects, steps({e.model: e.architecture for e in effects if not e.checkpoint}))


def differences(effects: Iterable[Effect], between: Iterable[ModelStep]) -> tuple[NeighbourDifference, ...]:
    """Every behaviour that was measured on both models of a step, on the same prompts; corrected together."""
    by_model: dict[str, dict[str, Effect]] = {}
    for effect in effects:
        by_model.setdefault(effect.model, {})[effect.behaviour] = effect
    pairs = [
        (step, effect, after)
        for step in between
        for behaviour, effect in by_model.get(step.before, {}).items()
        if (after := by_model.get(step.after, {}).get(behaviour)) is not None and comparable(effect, after)
    ]
    changes = [np.subtract(after.per_prompt, before.per_prompt) for _, before, after in pairs]
    raw = np.array([mean_p_value(change) for change in changes])
    return tuple(
        NeighbourDifference(
            step,
            before,
            after,
            change,
            float(corrected),
            prompts_to_tell(float(p_value), len(change), len(pairs)),
        )
        for (step, before, after), change, p_value, corrected in zip(pairs, changes, raw, holm(raw), strict=True)
    )


def misses(effect: Effect, held_to: Effect) -> bool:
    """Whether each check of the preference surely fails by the bounds that another model is held to."""
    bounds = {check.check: Bound(at_least=check.at_least, at_most=check.at_most) for check in held_to.preferences}
    outcomes = [judge(check.estimate, bounds[check.check]) for check in effect.preferences if check.check in bounds]
    return bool(outcomes) and set(outcomes) == {"fail"}


def comparable(first: Effect, second: Effect) -> bool:
    """Whether both are the same quantity on the same prompts under the same tokenizer."""
    mine, other = ((one.prompts_sha256, one.against, one.estimate.unit) for one in (first, second))
    return mine == other


def method(tests: Sequence[NeighbourDifference]) -> str:
    """How these differences were tested, in words."""
    return METHOD.format(f"{len(tests):,} comparison{'' if len(tests) == 1 else 's'}")
