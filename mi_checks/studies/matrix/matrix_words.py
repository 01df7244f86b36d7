"""Texts that the terminal and the Markdown page share."""

from __future__ import annotations

from mi_checks.compare.neighbouring_models import EffectMatrix, NeighbourDifference
from mi_checks.output import numbers
from mi_checks.results.evidence import Effect

LEGEND = (
    "✓ there, as claimed",
    "– absent, as declared",
    "✗ a preference check fails, or the absent shows",
    "? inconclusive",
    "! not measured",
    "· not run, or of no preference",
)
WHAT = (
    "Mean over prompts of the score (the logit difference, unless a unit is given) with its 95 % interval, by each "
    "behaviour's first logit_diff: on the clean prompts, or (marked Δ) less what it is on the corrupt ones."
)


def mark(effect: Effect) -> str:
    """Return a sign for whether the effect agrees with the declaration."""
    if effect.outcome == "pass":
        return "–" if effect.declared == "absent" else "✓"
    return {"inconclusive": "?", "skipped": "·"}.get(effect.outcome, "✗")


def cell(matrix: EffectMatrix, behaviour: str, model: str) -> str:
    """Return a cell, such as `✓ 2.31 [2.10, 2.52]`, or why there is no value."""
    effect = matrix.cells.get((behaviour, model))
    if effect is not None:
        return f"{mark(effect)} {value(effect)}"
    failed = matrix.failed.get((behaviour, model))
    return "·" if failed is None else "skipped" if failed.skipped else "! not measured"


def value(effect: Effect) -> str:
    """Return an effect with its interval, such as `2.31 [2.10, 2.52]`."""
    return numbers.estimate_text(effect.estimate)


def label(matrix: EffectMatrix, behaviour: str) -> str:
    """Return the behaviour's name, with a mark if its effect is clean − corrupt, and the unit if it is not logits."""
    effect = next((effect for effect in matrix.effects if effect.behaviour == behaviour), None)
    if effect is None:
        return behaviour
    unit = "" if effect.estimate.unit == "logits" else f" ({effect.estimate.unit})"
    return f"{'Δ ' if effect.against == 'corrupt' else ''}{behaviour}{unit}"


def change(test: NeighbourDifference) -> str:
    """Return a difference, such as `0.10 → 5.20, +5.10 [4.80, 5.40], p < 0.001`."""
    return (
        f"{numbers.value(test.before.estimate)} → {numbers.value(test.after.estimate)}, "
        f"{numbers.signed_text(test.estimate)}, {numbers.p_value(test.p_value)}"
    )
