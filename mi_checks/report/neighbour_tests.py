"""The paired tests between neighbouring models, as the report shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from mi_checks.compare.neighbouring_models import NeighbourDifference, method, neighbour_differences
from mi_checks.output import numbers
from mi_checks.report.by_behaviour import Group


@dataclass(frozen=True)
class Comparison:
    """The comparison of one behaviour between two models."""

    behaviour: str
    anchor: str
    before: str
    after: str
    values: tuple[str, str]
    difference: str
    interval: str
    p_value: str
    reading: str


@dataclass(frozen=True)
class Neighbours:
    """All comparisons of a run; `turns` are those in which the verdict changes between "cannot" and "can"."""

    tests: tuple[NeighbourDifference, ...]
    anchors: dict[str, str]

    @cached_property
    def turns(self) -> tuple[Comparison, ...]:
        """Return the comparisons that turn, in the order of the models."""
        return tuple(_comparison(test, self.anchors) for test in self.tests if test.turn)

    @cached_property
    def all(self) -> tuple[Comparison, ...]:
        """Return all comparisons, in the order of the models; each one costs a bootstrap."""
        return tuple(_comparison(test, self.anchors) for test in self.tests)

    def of(self, behaviour: str) -> tuple[Comparison, ...]:
        """Return the comparisons of one behaviour."""
        return tuple(_comparison(test, self.anchors) for test in self.tests if test.behaviour == behaviour)

    @property
    def significant(self) -> int:
        """Return the number of significant differences."""
        return sum(test.significant for test in self.tests)

    @property
    def method(self) -> str:
        """Return a description of the test."""
        return method(self.tests)


def neighbours(groups: Sequence[Group]) -> Neighbours | None:
    """Test neighbouring models; return None if no two neighbours were run on the same prompts."""
    anchors = {group.behaviour: group.anchor for group in groups}
    tests = neighbour_differences([pair.evidence.effect for group in groups for pair in group.pairs if pair.evidence])
    if not tests:
        return None
    return Neighbours(tests, anchors)


def _comparison(test: NeighbourDifference, anchors: dict[str, str]) -> Comparison:
    return Comparison(
        behaviour=test.behaviour,
        anchor=anchors[test.behaviour],
        before=test.step.before,
        after=test.step.after,
        values=(numbers.value(test.before.estimate), numbers.value(test.after.estimate)),
        difference=numbers.signed(test.estimate),
        interval=numbers.interval(test.estimate),
        p_value=numbers.p_value(test.p_value),
        reading=_reading(test),
    )


def _reading(test: NeighbourDifference) -> str:
    if test.significant:
        return test.turn or ("higher" if test.change.mean() > 0 else "lower")
    return "not significant" if test.prompts is None else f"not significant; about {test.prompts:,} prompts would tell"
