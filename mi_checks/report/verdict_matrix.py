"""The verdict matrix: a row for each behaviour, those that did not pass first, and a column for each model."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.output import numbers
from mi_checks.report.behaviour_results import SEVERITY, BehaviourResults, ModelResults, VerdictLabel

PASS_RANK = SEVERITY.index("pass")


@dataclass(frozen=True)
class VerdictCell:
    """The verdict and the effect of one behaviour on one model."""

    model: str
    anchor: str
    verdict: VerdictLabel
    effect: str
    interval: str
    n_passed: int
    n_checks: int


@dataclass(frozen=True)
class MatrixRow:
    """One behaviour; a cell is None if it was not run on that model."""

    behaviour: str
    anchor: str
    measure: str  # what the effects measure, if not the logit difference on the clean prompts
    cells: tuple[tuple[str, VerdictCell | None], ...]
    marks: tuple[str, ...] = ()
    text: str = ""  # what a search matches, beside the name


def verdict_matrix(behaviours: tuple[BehaviourResults, ...], models: tuple[str, ...]) -> tuple[MatrixRow, ...]:
    """Return one row per behaviour, with one cell per model."""
    return tuple(_row(behaviour, models) for behaviour in sorted(behaviours, key=_worst_rank))


def _worst_rank(behaviour: BehaviourResults) -> int:
    """Return the rank of the worst outcome; behaviours that pass all have the same rank and keep their order."""
    return min((SEVERITY.index(model.outcome) for model in behaviour.models if model.outcome), default=PASS_RANK)


def _row(behaviour: BehaviourResults, models: tuple[str, ...]) -> MatrixRow:
    cells = {model.model: verdict_cell(model) for model in behaviour.models}
    evidence = next((model.evidence for model in behaviour.models if model.evidence), None)
    marks = evidence.marks if evidence else ()
    checks = dict.fromkeys(result.check for model in behaviour.models for result in model.checks)
    return MatrixRow(
        behaviour=behaviour.behaviour,
        anchor=behaviour.anchor,
        measure=_measure(behaviour),
        cells=tuple((model, cells.get(model)) for model in models),
        marks=marks,
        text=" ".join((evidence.summary if evidence else "", *marks, *checks)),
    )


def _measure(behaviour: BehaviourResults) -> str:
    effect = next((model.evidence.effect for model in behaviour.models if model.evidence), None)
    if effect is None:
        return ""
    unit = "" if effect.estimate.unit == "logits" else effect.estimate.unit
    return ", ".join(filter(None, ("clean − corrupt" if effect.against == "corrupt" else "", unit)))


def verdict_cell(model: ModelResults) -> VerdictCell:
    """Return the cell of one behaviour on one model."""
    measured = model.evidence.effect.estimate if model.evidence else None
    return VerdictCell(
        model=model.model,
        anchor=model.anchor,
        verdict=model.verdict,
        effect=numbers.value(measured) if measured else "",
        interval=numbers.interval(measured) if measured else "",
        n_passed=model.n_passed,
        n_checks=len(model.checks),
    )
