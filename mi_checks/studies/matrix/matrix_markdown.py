"""A matrix as Markdown: a table for each kind of model, and one of the significant differences."""

from __future__ import annotations

from mi_checks.compare.neighbouring_models import EffectMatrix, method
from mi_checks.output import numbers
from mi_checks.output.tables import markdown_table
from mi_checks.studies.matrix.matrix_words import LEGEND, WHAT, cell, label


def lines(matrix: EffectMatrix) -> list[str]:
    """Return the lines without a heading, so that they fit anywhere in a page."""
    all_lines: list[str] = []
    for _, models in matrix.kinds:
        rows = [[label(matrix, name), *(cell(matrix, name, model) for model in models)] for name in matrix.behaviours]
        all_lines += [*markdown_table(["behaviour", *models], rows), ""]
    all_lines += [WHAT, "", "; ".join(LEGEND) + "."]
    all_lines += ["", *(f"- {', '.join(what)}: {_one_line(why)}" for why, what in matrix.reasons.items())]
    return [*all_lines, *([""] if matrix.unmeasured else []), *_changes(matrix)]


def _changes(matrix: EffectMatrix) -> list[str]:
    if not matrix.differences:
        return ["No two neighbouring models were measured on the same prompts."]
    rows = [
        [
            f"{step.before} → {step.after}",
            test.behaviour,
            test.turn,
            numbers.value(test.before.estimate),
            numbers.value(test.after.estimate),
            numbers.signed_text(test.estimate),
            numbers.p_value(test.p_value),
        ]
        for step, tests in matrix.changes.items()
        for test in tests
    ]
    header = ["from → to", "behaviour", "", "before", "after", "difference", "p (Holm)"]
    return [
        "Between neighbouring models, where the difference is significant:",
        "",
        *markdown_table(header, rows),
        "",
        f"Method: {method(matrix.differences)}.",
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())
