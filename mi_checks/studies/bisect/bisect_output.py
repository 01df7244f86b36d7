"""The result of a bisection as text and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mi_checks.history import DEFAULT_HISTORY
from mi_checks.output import numbers
from mi_checks.output.verdict_table import SYMBOLS
from mi_checks.studies.bisect.bisection import Bisection, CheckpointOutcome

OUTCOME_VERBS = {"pass": "passes", "fail": "fails", "inconclusive": "is inconclusive"}


def checkpoint_line(checkpoint: CheckpointOutcome, models: Sequence[str]) -> str:
    """Return the line about one checkpoint, printed as soon as its result is known."""
    width = max(map(len, models))
    known = f"  (known: {checkpoint.run[:8]})" if checkpoint.known else ""
    outcome = f"{SYMBOLS[checkpoint.outcome]} {checkpoint.outcome}"
    return f"  {checkpoint.model:<{width}}  {outcome} {_estimate_text(checkpoint)}{known}"


def bisection_lines(of: Bisection, history: Path) -> list[str]:
    """Return the lines with the result, and with how many checkpoints had to be measured."""
    measured = sum(not each.known for each in of.checkpoints)
    known = sum(each.known for each in of.checkpoints)
    work = f"measured {measured} of {numbers.count(len(of.models), 'checkpoint')}"
    work += f", and {known} known from {history}" if known else f"; kept in {history}"
    sides = of.turns or (of.checkpoints[0], of.checkpoints[-1])
    side_texts = ", ".join(f"{OUTCOME_VERBS[each.outcome]} at {each.model} ({_estimate_text(each)})" for each in sides)
    all_lines = [f"{of.behaviour} {of.check}: {side_texts}"]
    if of.turns is None:
        where = "" if history == DEFAULT_HISTORY else f" --history {shlex.quote(str(history))}"
        all_lines[0] = f"{of.behaviour} {of.check}: does not turn: {side_texts}"
        all_lines.append(
            "both ends agree, so there is nothing to halve; what is known of others: mi-checks history show "
            f"{of.behaviour} --check {shlex.quote(of.check)}{where}"
        )
    if any(each.outcome == "inconclusive" for each in sides):
        all_lines.append("inconclusive is not a pass; more prompt pairs (--count) would settle it")
    return [*all_lines, work]


def bisection_data(of: Bisection) -> dict[str, Any]:
    """Return the whole result as data for JSON."""
    return {
        **{name: getattr(of, name) for name in ("behaviour", "check", "claims")},
        "over": list(of.models),
        "checkpoints": [_checkpoint_data(each) for each in of.checkpoints],
        "turns": None if of.turns is None else {"before": of.turns[0].model, "after": of.turns[1].model},
        "measured": sum(not each.known for each in of.checkpoints),
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
