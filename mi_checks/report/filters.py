"""What the first page can be filtered by: only what is there to be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mi_checks.report.outcomes import Verdict
from mi_checks.report.verdict_matrix import Row

NOT_PASSED = ("fail", "drift", "error", "inconclusive")  # css of what the choice "not passed" shows


@dataclass(frozen=True)
class Choices:
    """Values and words of each control's options."""

    verdicts: tuple[tuple[str, str], ...]
    models: tuple[str, ...]
    marks: tuple[str, ...]


def choices(rows: Sequence[Row], models: Sequence[str]) -> Choices:
    """The verdicts, models and marks that occur in the matrix."""
    shown: dict[str, Verdict] = {}
    for row in rows:
        for _, cell in row.cells:
            if cell is not None:
                shown.setdefault(cell.verdict.css, cell.verdict)
    verdicts = [(css, f"{verdict.symbol} {verdict.word}") for css, verdict in shown.items()]
    if any(css in NOT_PASSED for css in shown):
        verdicts.insert(0, ("not-passed", "not passed"))
    marks = sorted({mark for row in rows for mark in row.marks})
    return Choices(tuple(verdicts), tuple(models), tuple(marks))
