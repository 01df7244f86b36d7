"""The result of a bisection as text and as JSON."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mi_checks.history.history_place import USUAL
from mi_checks.output import numbers
from mi_checks.output.verdict_table import SYMBOLS
from mi_checks.stats.estimate import Estimate

VERBS = {"pass": "passes", "fail": "fails", "inconclusive": "is inconclusive"}


@dataclass(frozen=True)
class Checkpoint:
    """The result of a check on one checkpoint.

    Attributes:
        model: the checkpoint's name, as in the list.
        outcome: `pass`, `fail` or `inconclusive`.
        estimate: the estimate; None if nothing could be measured, for example because clean − corrupt is not above
            zero.
        weights_sha256: the digest of the weights.
        run: the digest of the run in the history.
        known: whether the history had the result already.
    """

    model: str
    outcome: str
    estimate: Estimate | None
    weights_sha256: str
    run: str
    known: bool

    @property
    def passes(self) -> bool:
        """Return whether the check passes here; inconclusive is not a pass."""
        return self.outcome == "pass"


@dataclass(frozen=True)
class Bisection:
    """The result of a bisection.

    Attributes:
        behaviour: the behaviour's name.
        check: the id of one of its checks.
        claims: the name of the model whose claims the checkpoints are held to.
        models: the whole list, in order.
        checkpoints: the checkpoints that were evaluated, in the order of the list.
        turns: the two neighbours between which the outcome turns; None if both ends agree.
    """

    behaviour: str
    check: str
    claims: str
    models: tuple[str, ...]
    checkpoints: tuple[Checkpoint, ...]
    turns: tuple[Checkpoint, Checkpoint] | None


def line(checkpoint: Checkpoint, models: Sequence[str]) -> str:
    """Return the line about one checkpoint, printed as soon as its result is known."""
    width = max(map(len, models))
    known = f"  (known: {checkpoint.run[:8]})" if checkpoint.known else ""
    return (
        f"  {checkpoint.model:<{width}}  {SYMBOLS[checkpoint.outcome]} {checkpoint.outcome} {_value(checkpoint)}{known}"
    )


def lines(of: Bisection, history: Path) -> list[str]:
    """Return the lines with the result, and with how many checkpoints had to be measured."""
    measured = sum(not each.known for each in of.checkpoints)
    known = sum(each.known for each in of.checkpoints)
    work = f"measured {measured} of {numbers.count(len(of.models), 'checkpoint')}"
    work += f", and {known} known from {history}" if known else f"; kept in {history}"
    sides = of.turns or (of.checkpoints[0], of.checkpoints[-1])
    side_texts = ", ".join(f"{VERBS[each.outcome]} at {each.model} ({_value(each)})" for each in sides)
    all_lines = [f"{of.behaviour} {of.check}: {side_texts}"]
    if of.turns is None:
        where = "" if history == USUAL else f" --history {shlex.quote(str(history))}"
        all_lines[0] = f"{of.behaviour} {of.check}: does not turn: {side_texts}"
        all_lines.append(
            "both ends agree, so there is nothing to halve; what is known of others: mi-checks history show "
            f"{of.behaviour} --check {shlex.quote(of.check)}{where}"
        )
    if any(each.outcome == "inconclusive" for each in sides):
        all_lines.append("inconclusive is not a pass; more prompt pairs (--count) would settle it")
    return [*all_lines, work]


def plain(of: Bisection) -> dict[str, Any]:
    """Return the whole result as data for JSON."""
    return {
        **{name: getattr(of, name) for name in ("behaviour", "check", "claims")},
        "over": list(of.models),
        "checkpoints": [_plain(each) for each in of.checkpoints],
        "turns": None if of.turns is None else {"before": of.turns[0].model, "after": of.turns[1].model},
        "measured": sum(not each.known for each in of.checkpoints),
    }


def _plain(checkpoint: Checkpoint) -> dict[str, Any]:
    estimate = checkpoint.estimate
    numbers_of = (
        None if estimate is None else {key: getattr(estimate, key) for key in ("value", "low", "high", "n", "unit")}
    )
    return {**asdict(checkpoint), "estimate": numbers_of}


def _value(checkpoint: Checkpoint) -> str:
    if checkpoint.estimate is None:
        return "nothing measured"
    return numbers.estimate_text(checkpoint.estimate)
