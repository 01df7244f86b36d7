"""What the terminal and the Markdown page say alike."""

from __future__ import annotations

from mi_checks.comparison.differences import Difference
from mi_checks.comparison.matrix import Matrix
from mi_checks.record import Effect
from mi_checks.report import numbers

LEGEND = (
    "✓ there, as claimed",
    "– absent, as declared",
    "✗ a preference check fails, or the absent shows",
    "? inconclusive",
    "! not measured",
    "· not run",
)
WHAT = (
    "Mean logit difference in logits with its 95 % interval, by each behaviour's first logit_diff: on the clean "
    "prompts, or (marked Δ) less what it is on the corrupt ones."
)


def mark(effect: Effect) -> str:
    """One sign for whether the preference is what was declared."""
    if effect.outcome == "pass":
        return "–" if effect.declared == "absent" else "✓"
    return "?" if effect.outcome == "inconclusive" else "✗"


def cell(matrix: Matrix, behaviour: str, model: str) -> str:
    """`✓ 2.31 [2.10, 2.52]`, or why there is none."""
    effect = matrix.cells.get((behaviour, model))
    if effect is not None:
        return f"{mark(effect)} {value(effect)}"
    return "! not measured" if (behaviour, model) in matrix.failed else "·"


def value(effect: Effect) -> str:
    """`2.31 [2.10, 2.52]`"""
    return f"{numbers.value(effect.estimate)} {numbers.interval(effect.estimate)}"


def label(matrix: Matrix, behaviour: str) -> str:
    """The behaviour's name, marked where its effect is taken against the corrupt prompts."""
    rivals = {effect.against for effect in matrix.effects if effect.behaviour == behaviour}
    return f"Δ {behaviour}" if rivals == {"corrupt"} else behaviour


def change(test: Difference) -> str:
    """`0.10 → 5.20, +5.10 [4.80, 5.40], p < 0.001`"""
    return (
        f"{numbers.value(test.before.estimate)} → {numbers.value(test.after.estimate)}, "
        f"{numbers.signed(test.estimate)} {numbers.interval(test.estimate)}, {numbers.p_value(test.p_value)}"
    )
