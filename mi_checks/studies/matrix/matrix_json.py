"""The measurements and tests of a matrix as JSON, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mi_checks.compare.neighbouring_models import EffectMatrix, NeighbourDifference, method
from mi_checks.output.json_text import json_text
from mi_checks.results.evidence import Effect


def document(matrix: EffectMatrix) -> str:
    """Return one JSON object; it has the hash of the prompts instead of the values of single prompts."""
    return json_text(
        {
            "effects": [_effect(effect) for effect in matrix.effects],
            "differences": [_difference(test) for test in matrix.differences],
            "method": method(matrix.differences),
            "unmeasured": [asdict(cell) for cell in matrix.unmeasured],
        },
    )


def _effect(effect: Effect) -> dict[str, Any]:
    return {key: value for key, value in asdict(effect).items() if key != "per_prompt"}


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
        "prompts_to_tell": test.prompts,
    }
