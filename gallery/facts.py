"""The facts that answers are composed from: effects, tests between models, and links to the claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gallery.questions import KindAndDepth, ModelPair
from mi_checks.compare.neighbouring_models import EffectMatrix, ModelStep, NeighbourDifference, differences, step
from mi_checks.output import numbers
from mi_checks.results.evidence import Effect
from mi_checks.spec.behaviour_checks import LogitDiffCheck
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.studies.matrix.matrix_output import behaviour_label, effect_mark, effect_text

TO_ROOT = "../../"  # the path from reports/gallery/ to the files
BRIEF = ["behaviour", "before", "after", "difference", "p (Holm)", "result"]
HEADER = ["behaviour", "models", "before", "after", "difference", "p (Holm)", "result", "re-run with `pytest`"]


@dataclass(frozen=True)
class Facts:
    """All measurements for the page.

    Attributes:
        matrix: the effects.
        behaviours: the behaviours that they are from.
        pairs: the models that any question compares; the tests are corrected over all of them together.
    """

    matrix: EffectMatrix
    behaviours: Sequence[LoadedBehaviour]
    pairs: Sequence[ModelPair]

    @cached_property
    def models(self) -> dict[KindAndDepth, str]:
        """Return the model of each kind and depth, at the end of its training."""
        trained = [effect for effect in self.matrix.effects if not effect.checkpoint]
        return {(effect.architecture.kind, effect.architecture.n_layers): effect.model for effect in reversed(trained)}

    @cached_property
    def steps(self) -> dict[ModelPair, ModelStep]:
        """Return the step of each pair both of whose models were measured."""
        return {pair: self._step(pair) for pair in dict.fromkeys(self.pairs) if set(pair) <= set(self.models)}

    def _step(self, pair: ModelPair) -> ModelStep:
        before, after = (self.models[model] for model in pair)
        known = self.matrix.architectures
        return step(before, known[before], after, known[after])

    @cached_property
    def tests(self) -> tuple[NeighbourDifference, ...]:
        """Return all tests, corrected together."""
        return differences(self.matrix.effects, self.steps.values())

    def between(self, pair: ModelPair) -> tuple[NeighbourDifference, ...]:
        """Return the tests of one pair."""
        return tuple(test for test in self.tests if pair in self.steps and test.step == self.steps[pair])

    @cached_property
    def _by_name(self) -> dict[str, LoadedBehaviour]:
        return {loaded.behaviour.name: loaded for loaded in self.behaviours}

    def matching(self, names: Sequence[str]) -> tuple[str, ...]:
        """Return the behaviours with these names; a file with a table of cases stands for each of them."""
        return tuple(behaviour for name in names for behaviour in self._by_name if behaviour.partition("[")[0] == name)

    def behaviour_link(self, behaviour: str) -> str:
        """Return a link to the behaviour's first check of a logit difference."""
        loaded = self._by_name[behaviour]
        checks = [entry.check for entry in loaded.behaviour.checks]
        index = next((i for i, check in enumerate(checks) if isinstance(check, LogitDiffCheck)), 0)
        place = loaded.place_of(("checks", index))
        return f"[{behaviour_label(self.matrix, behaviour)}]({TO_ROOT}{place.file}#L{place.line})"

    def value_link(self, effect: Effect) -> str:
        """Return the effect with the mark of its verdict, as a link to what is claimed of the model."""
        place = self._by_name[effect.behaviour].place_of(("models", effect.model))
        text = effect_text(effect).replace("[", "(").replace("]", ")")
        return f"{effect_mark(effect)} [{text}]({TO_ROOT}{place.file}#L{place.line})"

    def node_id(self, effect: Effect) -> str:
        """Return the node id of the check that measures the effect."""
        loaded = self._by_name[effect.behaviour]
        checks = [preference.check for preference in effect.preferences]
        first = next((check for check in checks if check.partition("[")[0] == LogitDiffCheck.kind), *checks[:1])
        check = "absent" if effect.declared == "absent" else first
        return "::".join(filter(None, (loaded.source.display_path, loaded.case, effect.model, check)))

    def row(self, test: NeighbourDifference, reading: str) -> list[str]:
        """Return a row with the columns of `HEADER`."""
        return [
            self.behaviour_link(test.behaviour),
            f"{test.step.before} → {test.step.after}",
            self.value_link(test.before),
            self.value_link(test.after),
            numbers.signed_text(test.estimate),
            numbers.p_value(test.p_value),
            reading,
            f"`{self.node_id(test.before)}` `{self.node_id(test.after)}`",
        ]

    def brief_row(self, test: NeighbourDifference) -> list[str]:
        """Return a row with the columns of `BRIEF`."""
        full = self.row(test, difference_result(test))
        before, after = (f"{effect_mark(effect)} {effect_text(effect)}" for effect in (test.before, test.after))
        return [full[0], before, after, *full[4:7]]


def observations_needed(number: int | None, clustered_by: str = "") -> str:
    """Return how many prompts or rows would decide, to two digits, such as `about 1,300 prompts needed`.

    Args:
        number: how many; None if no number is enough.
        clustered_by: the variable whose rows prompts share; "" if they share none.
    """
    if number is None:
        return "no number of prompts suffices, the difference is zero"
    magnitude = 10 ** max(len(str(number)) - 2, 0)
    of = f"values of '{clustered_by}'" if clustered_by else "prompts"
    return f"about {round(number / magnitude) * magnitude:,} {of} needed"


def difference_result(test: NeighbourDifference) -> str:
    """Return the result of a comparison, in words."""
    if not test.significant:
        refused = test.estimate.refusal is not None
        needed = observations_needed(test.observations, test.estimate.clustered_by)
        return "not tested; no interval" if refused else f"not significant; {needed}"
    return test.turn or ("higher" if test.estimate.value > 0 else "lower")
