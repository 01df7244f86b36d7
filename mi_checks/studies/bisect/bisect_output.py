"""The result of a bisection as text and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mi_checks.history import DEFAULT_HISTORY
from mi_checks.output import numbers
from mi_checks.output.tables import SYMBOLS
from mi_checks.studies.bisect.bisection import Bisection, CheckpointOutcome

OUTCOME_VERBS = {"pass": "passes", "fail": "fails", "inconclusive": "is inconclusive"}


def checkpoint_line(checkpoint: CheckpointOutcome, models: Sequence[str]) -> str:
    """Return the line about one checkpoint, printed as soon as its result is known."""
    width = max(map(len, models))
    known = f"  (known: {checkpoint.run[:8]})" if checkpoint.known else ""
    outcome = f"{SYMBOLS[checkpoint.outcome]} {checkpoint.outcome}"
    return f"  {checkpoint.model:<{width}}  {outcome} {_estimate_text(checkpoint)}{known}"


def bisection_lines(bisection: Bisection, history: Path) -> list[str]:
    """Return the lines with the result, and with how many checkpoints had to be measured."""
    measured = sum(not each.known for each in bisection.checkpoints)
    known = sum(each.known for each in bisection.checkpoints)
    work = f"measured {measured} of {numbers.count(len(bisection.models), 'checkpoint')}"
    work += f", and {known} known from {history}" if known else f"; stored in {history}"
    sides = bisection.turns or (bisection.checkpoints[0], bisection.checkpoints[-1])
    side_texts = ", ".join(f"{OUTCOME_VERBS[each.outcome]} at {each.model} ({_estimate_text(each)})" for each in sides)
    all_lines = [f"{bisection.behaviour} {bisection.check}: {side_texts}"]
    if bisection.turns is None:
        where = "" if history == DEFAULT_HISTORY else f" --history {shlex.quote(str(history))}"
        all_lines[0] = f"{bisection.behaviour} {bisection.check}: the outcome does not change: {side_texts}"
        all_lines.append(
            "both ends have the same outcome, so there is nothing to bisect; for other results: mi-checks history show "
            f"{bisection.behaviour} --check {shlex.quote(bisection.check)}{where}"
        )
    if any(each.outcome == "inconclusive" for each in sides):
        all_lines.append("inconclusive does not count as a pass; more prompt pairs (--count) may settle it")
    return [*all_lines, work]


def bisection_data(bisection: Bisection) -> dict[str, Any]:
    """Return the whole result as data for JSON."""
    return {
        **{name: getattr(bisection, name) for name in ("behaviour", "check", "claims")},
        "over": list(bisection.models),
        "checkpoints": [_checkpoint_data(each) for each in bisection.checkpoints],
        "turns": None
        if bisection.turns is None
        else {"before": bisection.turns[0].model, "after": bisection.turns[1].model},
        "measured": sum(not each.known for each in bisection.checkpoints),
    }


def _checkpoint_data(checkpoint: CheckpointOutcome) -> dict[str, Any]:
    estimate = checkpoint.estimate
    numbers_of = (
        None if estimate is None else {key: getattr(estimate, key) for key in ("value", "low", "high", "n", "unit")}
    )
    return {**asdict(checkpoint), "estimate": numbers_of}


def _estimate_text(checkpoint: CheckpointOutcome) -> str:
    if checkpoint.estimate is None:
        return "nothing measured"
    return numbers.estimate_text(checkpoint.estimate)
