"""The verdict matrix: behaviours down, models across."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.report import numbers
from mi_checks.report.pairs import Group, Pair
from mi_checks.report.verdict import Verdict


@dataclass(frozen=True)
class Cell:
    """What one behaviour came to on one model."""

    model: str
    anchor: str
    verdict: Verdict
    effect: str
    interval: str
    passed: int
    total: int


@dataclass(frozen=True)
class Row:
    """One behaviour; None where it was not run on a model."""

    behaviour: str
    anchor: str
    measure: str  # what the effects are, where they are not the logit difference on the clean prompts
    cells: tuple[tuple[str, Cell | None], ...]


def matrix(groups: tuple[Group, ...], models: tuple[str, ...]) -> tuple[Row, ...]:
    """One row per behaviour, one cell per model."""
    return tuple(
        Row(
            group.behaviour,
            group.anchor,
            _measure(group),
            tuple((model, cells.get(model)) for model in models),
        )
        for group in groups
        for cells in [{pair.model: _cell(pair) for pair in group.pairs}]
    )


def _measure(group: Group) -> str:
    found = next((pair.evidence.effect for pair in group.pairs if pair.evidence), None)
    if found is None:
        return ""
    unit = "" if found.estimate.unit == "logits" else found.estimate.unit
    return ", ".join(filter(None, ("clean − corrupt" if found.against == "corrupt" else "", unit)))


def _cell(pair: Pair) -> Cell:
    measured = pair.evidence.effect.estimate if pair.evidence else None
    return Cell(
        model=pair.model,
        anchor=pair.anchor,
        verdict=pair.verdict,
        effect=numbers.value(measured) if measured else "",
        interval=numbers.interval(measured) if measured else "",
        passed=pair.passed,
        total=len(pair.results),
    )
