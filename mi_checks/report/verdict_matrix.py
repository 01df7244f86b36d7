"""The verdict matrix: a row for each behaviour, those that did not pass first, and a column for each model."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.report.by_behaviour import Group, Pair
from mi_checks.report.outcomes import SEVERITY, Verdict
from mi_checks.report.pytest_marks import marks

PASSING = SEVERITY.index("pass")


@dataclass(frozen=True)
class Cell:
    """The verdict and the effect of one behaviour on one model."""

    model: str
    anchor: str
    verdict: Verdict
    effect: str
    interval: str
    passed: int
    total: int


@dataclass(frozen=True)
class Row:
    """One behaviour; a cell is None if it was not run on that model."""

    behaviour: str
    anchor: str
    measure: str  # what the effects measure, if not the logit difference on the clean prompts
    cells: tuple[tuple[str, Cell | None], ...]
    marks: tuple[str, ...] = ()
    text: str = ""  # what a search matches, beside the name


def matrix(groups: tuple[Group, ...], models: tuple[str, ...]) -> tuple[Row, ...]:
    """Return one row per behaviour, with one cell per model."""
    return tuple(_row(group, models) for group in sorted(groups, key=_gravity))


def _gravity(group: Group) -> int:
    """Return the rank of the worst outcome; behaviours that pass all have the same rank and keep their order."""
    return min((SEVERITY.index(pair.outcome) for pair in group.pairs if pair.outcome), default=PASSING)


def _row(group: Group, models: tuple[str, ...]) -> Row:
    cells = {pair.model: cell(pair) for pair in group.pairs}
    evidence = next((pair.evidence for pair in group.pairs if pair.evidence), None)
    pytest_marks = marks(evidence)
    checks = dict.fromkeys(result.check for pair in group.pairs for result in pair.results)
    return Row(
        behaviour=group.behaviour,
        anchor=group.anchor,
        measure=_measure(group),
        cells=tuple((model, cells.get(model)) for model in models),
        marks=pytest_marks,
        text=" ".join((evidence.summary if evidence else "", *pytest_marks, *checks)),
    )


def _measure(group: Group) -> str:
    effect = next((pair.evidence.effect for pair in group.pairs if pair.evidence), None)
    if effect is None:
        return ""
    unit = "" if effect.estimate.unit == "logits" else effect.estimate.unit
    return ", ".join(filter(None, ("clean − corrupt" if effect.against == "corrupt" else "", unit)))


def cell(pair: Pair) -> Cell:
    """Return the cell of one behaviour on one model."""
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
