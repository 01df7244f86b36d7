"""Behaviours × models, and the tests between neighbours: what `mi-checks matrix` shows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from mi_checks.compare.neighbouring import ModelStep, order
from mi_checks.compare.paired import NeighbourDifference, neighbour_differences
from mi_checks.results.evidence import Architecture, Effect


@dataclass(frozen=True)
class UnmeasuredCell:
    """A behaviour that could not be measured on a model.

    `skipped` where it was nobody's mistake: the model is to be fetched first, or too few prompts survive the tokenizer
    of a model that its file does not name.
    """

    behaviour: str
    model: str
    reason: str
    skipped: bool = False


@dataclass(frozen=True)
class EffectMatrix:
    """All effects measured, and what was asked for and could not be."""

    effects: tuple[Effect, ...]
    unmeasured: tuple[UnmeasuredCell, ...] = ()

    @property
    def behaviours(self) -> tuple[str, ...]:
        """In the order they were measured."""
        return tuple(dict.fromkeys([*(e.behaviour for e in self.effects), *(cell.behaviour for cell in self._told)]))

    @cached_property
    def architectures(self) -> dict[str, Architecture]:
        """Of every model measured: attention-only first, each kind by depth."""
        found = {effect.model: effect.architecture for effect in self.effects}
        return dict(sorted(found.items(), key=lambda item: order(item[1])))

    @property
    def models(self) -> tuple[str, ...]:
        """Those measured in that order, then those that never could be."""
        return tuple(dict.fromkeys([*self.architectures, *(cell.model for cell in self._told)]))

    @property
    def kinds(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """The models of each kind."""
        grouped = groupby(self.models, lambda name: self.architectures[name].kind if name in self.architectures else "")
        return tuple((kind, tuple(names)) for kind, names in grouped)

    @property
    def _told(self) -> tuple[UnmeasuredCell, ...]:
        """What gets a place in the table although it was not measured: a model or behaviour skipped whole gets none."""
        return tuple(cell for cell in self.unmeasured if not (cell.skipped and self.effects))

    @cached_property
    def cells(self) -> dict[tuple[str, str], Effect]:
        """By behaviour and model."""
        return {(effect.behaviour, effect.model): effect for effect in self.effects}

    @cached_property
    def failed(self) -> dict[tuple[str, str], UnmeasuredCell]:
        """By behaviour and model, what could not be measured."""
        return {(cell.behaviour, cell.model): cell for cell in self.unmeasured}

    @cached_property
    def differences(self) -> tuple[NeighbourDifference, ...]:
        """Between neighbours, corrected together."""
        return neighbour_differences(self.effects)

    @property
    def reasons(self) -> dict[str, tuple[str, ...]]:
        """Why something could not be measured → what: `induction on smollm2-135m`."""
        found: dict[str, tuple[str, ...]] = {}
        for cell in self.unmeasured:
            found[cell.reason] = (*found.get(cell.reason, ()), f"{cell.behaviour} on {cell.model}")
        return found

    @property
    def changes(self) -> dict[ModelStep, tuple[NeighbourDifference, ...]]:
        """Of each step between neighbours the significant ones, those first that turn «cannot» and «can»."""
        by_step = groupby(self.differences, lambda test: test.step)
        return {step: ranked(tests) for step, tests in by_step}


def ranked(tests: Iterable[NeighbourDifference]) -> tuple[NeighbourDifference, ...]:
    """Return the significant differences: first those between «cannot» and «can», then by size."""
    significant = (test for test in tests if test.significant)
    return tuple(sorted(significant, key=lambda test: (not test.turn, -abs(test.estimate.value))))
