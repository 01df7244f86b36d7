"""A matrix of effects as text for a terminal, as Markdown and as JSON."""

from __future__ import annotations

import textwrap
from dataclasses import asdict
from typing import Any

from mi_checks.compare.neighbouring_models import EffectMatrix, NeighbourDifference, neighbour_method
from mi_checks.output import numbers
from mi_checks.output.json_text import json_text
from mi_checks.output.tables import markdown_table, terminal_table
from mi_checks.results.evidence import Effect

MARK_LEGEND = (
    "✓ present, as claimed",
    "– absent, as declared",
    "✗ logit_diff or accuracy fails, or present though declared absent",
    "? inconclusive",
    "! not measured",
    "· not run, or without logit_diff and accuracy",
)
EFFECT_NOTE = (
    "Mean score over prompts (the logit difference, unless a unit is given) with its 95 % interval, by each "
    "behaviour's first logit_diff: on the clean prompts, or clean − corrupt (marked Δ)."
)
COLUMN_GAP = 2  # spaces between the columns of a table


def effect_mark(effect: Effect) -> str:
    """Return a sign for whether the effect agrees with the declaration."""
    if effect.outcome == "pass":
        return "–" if effect.declared == "absent" else "✓"
    return {"inconclusive": "?", "skipped": "·"}.get(effect.outcome, "✗")


def cell_text(matrix: EffectMatrix, behaviour: str, model: str) -> str:
    """Return a cell, such as `✓ 2.31 [2.10, 2.52]`, or why there is no value."""
    effect = matrix.cells.get((behaviour, model))
    if effect is not None:
        return f"{effect_mark(effect)} {effect_text(effect)}"
    failed = matrix.failed.get((behaviour, model))
    return "·" if failed is None else "skipped" if failed.skipped else "! not measured"


def effect_text(effect: Effect) -> str:
    """Return an effect with its interval, such as `2.31 [2.10, 2.52]`."""
    return numbers.estimate_text(effect.estimate)


def behaviour_label(matrix: EffectMatrix, behaviour: str) -> str:
    """Return the behaviour's name, with a mark if its effect is clean − corrupt, and the unit if it is not logits."""
    effect = next((effect for effect in matrix.effects if effect.behaviour == behaviour), None)
    if effect is None:
        return behaviour
    unit = "" if effect.estimate.unit == "logits" else f" ({effect.estimate.unit})"
    return f"{'Δ ' if effect.against == 'corrupt' else ''}{behaviour}{unit}"


def change_text(test: NeighbourDifference) -> str:
    """Return a difference, such as `0.10 → 5.20, +5.10 [4.80, 5.40], p < 0.001`."""
    return (
        f"{numbers.value(test.before.estimate)} → {numbers.value(test.after.estimate)}, "
        f"{numbers.signed_text(test.estimate)}, {numbers.p_value(test.p_value)}"
    )


def text_lines(matrix: EffectMatrix, width: int) -> list[str]:
    """Return the matrix as lines that fit the width, unless a single column is wider than that."""
    all_lines = [line for models in _blocks(matrix, width) for line in (*_text_table(matrix, models), "")]
    all_lines += [*_wrapped(EFFECT_NOTE, width), *_wrapped("   ".join(map(_unbroken, MARK_LEGEND)), width)]
    all_lines += [
        line
        for why, what in (matrix.reasons | matrix.refusals).items()
        for line in (*_wrapped(", ".join(map(_unbroken, what)), width), f"  {why}")
    ]
    return [line.rstrip() for line in (*all_lines, "", *_text_changes(matrix, width))]


def _blocks(matrix: EffectMatrix, width: int) -> list[tuple[str, ...]]:
    """Return blocks of models: as many kinds side by side as fit; a kind that is too wide by itself is divided."""
    room = width - _label_width(matrix)
    blocks: list[tuple[str, ...]] = []
    for _, models in matrix.kinds:
        if blocks and _columns_width(matrix, (*blocks[-1], *models)) <= room:
            blocks[-1] = (*blocks[-1], *models)
            continue
        part: tuple[str, ...] = ()
        for model in models:
            if part and _columns_width(matrix, (*part, model)) > room:
                blocks.append(part)
                part = ()
            part = (*part, model)
        blocks.append(part)
    return blocks


def _text_table(matrix: EffectMatrix, models: tuple[str, ...]) -> list[str]:
    rows = [
        [behaviour_label(matrix, behaviour), *(cell_text(matrix, behaviour, model) for model in models)]
        for behaviour in matrix.behaviours
    ]
    return terminal_table([["", *models], *rows])


def _label_width(matrix: EffectMatrix) -> int:
    return max((len(behaviour_label(matrix, behaviour)) for behaviour in matrix.behaviours), default=0)


def _column_width(matrix: EffectMatrix, model: str) -> int:
    return max(len(model), *(len(cell_text(matrix, behaviour, model)) for behaviour in matrix.behaviours))


def _columns_width(matrix: EffectMatrix, models: tuple[str, ...]) -> int:
    return sum(COLUMN_GAP + _column_width(matrix, model) for model in models)


def _text_changes(matrix: EffectMatrix, width: int) -> list[str]:
    if not matrix.differences:
        return ["No two neighbouring models were measured on the same prompts."]
    changes = ["Between neighbouring models, where the difference is significant:"]
    for step, tests in matrix.changes.items():
        changes += ["", f"{step.before} → {step.after} ({step.change})"]
        turns = [test for test in tests if test.turn]
        changes += [f"  {test.turn}  {test.behaviour} {change_text(test)}" for test in turns]
        rest = [test for test in tests if not test.turn]
        changes += _change_list("higher", [test for test in rest if test.estimate.value > 0], width)
        changes += _change_list("lower", [test for test in rest if test.estimate.value < 0], width)
        changes += ["  no significant difference"] if not tests else []
        untested = matrix.untested.get(step, ())
        changes += (
            _wrapped(f"not tested, because there is no interval: {', '.join(untested)}", width, "  ", "    ")
            if untested
            else []
        )
    return [
        *changes,
        "",
        *_wrapped(f"Method: {neighbour_method(matrix.differences)}.".replace("95 %", _unbroken("95 %")), width),
    ]


def _change_list(word: str, tests: list[NeighbourDifference], width: int) -> list[str]:
    texts = ", ".join(_unbroken(f"{test.behaviour} {numbers.signed(test.estimate)}") for test in tests)
    return _wrapped(f"{word}: {texts}", width, "  ", "    ") if texts else []


def _unbroken(text: str) -> str:
    """Return a text that textwrap does not break."""
    return text.replace(" ", "\0")


def _wrapped(text: str, width: int, first: str = "", rest: str = "") -> list[str]:
    folded = textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in folded]


def markdown_lines(matrix: EffectMatrix) -> list[str]:
    """Return the lines without a heading, so that they fit anywhere in a page."""
    all_lines: list[str] = []
    for _, models in matrix.kinds:
        rows = [
            [behaviour_label(matrix, name), *(cell_text(matrix, name, model) for model in models)]
            for name in matrix.behaviours
        ]
        all_lines += [*markdown_table(["behaviour", *models], rows), ""]
    all_lines += [EFFECT_NOTE, "", "; ".join(MARK_LEGEND) + "."]
    reasons = matrix.reasons | matrix.refusals
    all_lines += ["", *(f"- {', '.join(what)}: {_one_line(why)}" for why, what in reasons.items())]
    return [*all_lines, *([""] if reasons else []), *_markdown_changes(matrix)]


def _markdown_changes(matrix: EffectMatrix) -> list[str]:
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
        f"Method: {neighbour_method(matrix.differences)}.",
    ]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def matrix_json(matrix: EffectMatrix) -> str:
    """Return one JSON object; it has the hash of the prompts instead of the values and rows of single prompts."""
    return json_text(
        {
            "effects": [_effect(effect) for effect in matrix.effects],
            "differences": [_difference(test) for test in matrix.differences],
            "method": neighbour_method(matrix.differences),
            "unmeasured": [asdict(cell) for cell in matrix.unmeasured],
        },
    )


def _effect(effect: Effect) -> dict[str, Any]:
    return {key: value for key, value in asdict(effect).items() if key not in ("per_prompt", "factors")}


def _difference(test: NeighbourDifference) -> dict[str, Any]:
    return {
        "behaviour": test.behaviour,
        "from": test.step.before,
        "to": test.step.after,
        "change": test.step.change,
        "estimate": asdict(test.estimate),
        "p_holm": test.p_value,
        "significant": test.significant,
        "turn": test.turn or None,
        "observations_to_tell": test.observations,
    }
