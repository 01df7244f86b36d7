"""A matrix for a terminal: tables side by side as far as they fit, then the significant differences."""

from __future__ import annotations

import textwrap

from mi_checks.compare.neighbouring_models import EffectMatrix, NeighbourDifference, method
from mi_checks.output import numbers
from mi_checks.output.tables import terminal_table
from mi_checks.studies.matrix.matrix_words import LEGEND, WHAT, cell, change, label

COLUMN_GAP = 2  # spaces between the columns of a table


def lines(matrix: EffectMatrix, width: int) -> list[str]:
    """Return the lines of the result, none longer than the width unless a single column is."""
    all_lines = [line for models in _blocks(matrix, width) for line in (*_table(matrix, models), "")]
    all_lines += [*_wrapped(WHAT, width), *_wrapped("   ".join(map(_unbroken, LEGEND)), width)]
    all_lines += [
        line
        for why, what in matrix.reasons.items()
        for line in (*_wrapped(", ".join(map(_unbroken, what)), width), f"  {why}")
    ]
    return [line.rstrip() for line in (*all_lines, "", *_changes(matrix, width))]


def _blocks(matrix: EffectMatrix, width: int) -> list[tuple[str, ...]]:
    """Return blocks of models: as many kinds side by side as fit; a kind that is too wide by itself is divided."""
    room = width - _first(matrix)
    blocks: list[tuple[str, ...]] = []
    for _, models in matrix.kinds:
        if blocks and _wide(matrix, (*blocks[-1], *models)) <= room:
            blocks[-1] = (*blocks[-1], *models)
            continue
        part: tuple[str, ...] = ()
        for model in models:
            if part and _wide(matrix, (*part, model)) > room:
                blocks.append(part)
                part = ()
            part = (*part, model)
        blocks.append(part)
    return blocks


def _table(matrix: EffectMatrix, models: tuple[str, ...]) -> list[str]:
    rows = [
        [label(matrix, behaviour), *(cell(matrix, behaviour, model) for model in models)]
        for behaviour in matrix.behaviours
    ]
    return terminal_table([["", *models], *rows])


def _first(matrix: EffectMatrix) -> int:
    return max((len(label(matrix, behaviour)) for behaviour in matrix.behaviours), default=0)


def _width(matrix: EffectMatrix, model: str) -> int:
    return max(len(model), *(len(cell(matrix, behaviour, model)) for behaviour in matrix.behaviours))


def _wide(matrix: EffectMatrix, models: tuple[str, ...]) -> int:
    return sum(COLUMN_GAP + _width(matrix, model) for model in models)


def _changes(matrix: EffectMatrix, width: int) -> list[str]:
    if not matrix.differences:
        return ["No two neighbouring models were measured on the same prompts."]
    changes = ["Between neighbouring models, where the difference is significant:"]
    for step, tests in matrix.changes.items():
        changes += ["", f"{step.before} → {step.after} ({step.change})"]
        turns = [test for test in tests if test.turn]
        changes += [f"  {test.turn}  {test.behaviour} {change(test)}" for test in turns]
        rest = [test for test in tests if not test.turn]
        changes += _listed("higher", [test for test in rest if test.estimate.value > 0], width)
        changes += _listed("lower", [test for test in rest if test.estimate.value < 0], width)
        changes += ["  nothing significant"] if not tests else []
    return [
        *changes,
        "",
        *_wrapped(f"Method: {method(matrix.differences)}.".replace("95 %", _unbroken("95 %")), width),
    ]


def _listed(word: str, tests: list[NeighbourDifference], width: int) -> list[str]:
    texts = ", ".join(_unbroken(f"{test.behaviour} {numbers.signed(test.estimate)}") for test in tests)
    return _wrapped(f"{word}: {texts}", width, "  ", "    ") if texts else []


def _unbroken(text: str) -> str:
    """Return a text that textwrap does not break."""
    return text.replace(" ", "\0")


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    folded = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in folded]
