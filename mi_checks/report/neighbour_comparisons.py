"""The paired tests between neighbouring models, as the report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mi_checks.compare.neighbouring_models import NeighbourDifference, neighbour_differences, neighbour_method
from mi_checks.output import numbers
from mi_checks.report.behaviour_results import BehaviourResults


@dataclass(frozen=True)
class NeighbourComparison:
    """The comparison of one behaviour between two models."""

    behaviour: str
    anchor: str
    before: str
    after: str
    values: tuple[str, str]
    difference: str
    interval: str
    p_value: str
    result: str


@dataclass(frozen=True)
class NeighbourComparisons:
    """All comparisons of a run; `turns` are those in which the verdict changes between "cannot" and "can"."""

    tests: tuple[NeighbourDifference, ...]
    anchors: dict[str, str]

    @cached_property
    def turns(self) -> tuple[NeighbourComparison, ...]:
        """Return the comparisons that turn, in the order of the models."""
        return tuple(_comparison(test, self.anchors) for test in self.tests if test.turn)

    @cached_property
    def all(self) -> tuple[NeighbourComparison, ...]:
        """Return all comparisons, in the order of the models; each one takes a while to compute."""
        return tuple(_comparison(test, self.anchors) for test in self.tests)

    def of(self, behaviour: str) -> tuple[NeighbourComparison, ...]:
        """Return the comparisons of one behaviour."""
        return tuple(_comparison(test, self.anchors) for test in self.tests if test.behaviour == behaviour)

    @property
    def n_significant(self) -> int:
        """Return the number of significant differences."""
        return sum(test.significant for test in self.tests)

    @property
    def method(self) -> str:
        """Return a description of the test."""
        return neighbour_method(self.tests)


def neighbour_comparisons(behaviours: Sequence[BehaviourResults]) -> NeighbourComparisons | None:
    """Test neighbouring models; return None if no two neighbouring models were run on the same prompts."""
    anchors = {behaviour.behaviour: behaviour.anchor for behaviour in behaviours}
    tests = neighbour_differences(
        [model.evidence.effect for behaviour in behaviours for model in behaviour.models if model.evidence]
    )
    if not tests:
        return None
    return NeighbourComparisons(tests, anchors)


def _comparison(test: NeighbourDifference, anchors: dict[str, str]) -> NeighbourComparison:
    return NeighbourComparison(
        behaviour=test.behaviour,
        anchor=anchors[test.behaviour],
        before=test.step.before,
        after=test.step.after,
        values=(numbers.value(test.before.estimate), numbers.value(test.after.estimate)),
        difference=numbers.signed(test.estimate),
        interval=numbers.interval(test.estimate),
        p_value=numbers.p_value(test.p_value),
        result=_result_text(test),
    )


def _result_text(test: NeighbourDifference) -> str:
    if test.significant:
        return test.turn or ("higher" if test.estimate.value > 0 else "lower")
    if test.estimate.refusal is not None:
        return "not tested; no interval"
    return f"not significant; about {test.needed} needed" if test.needed else "not significant"
