"""The comparison of two runs as text for a terminal, and as JSON for programs."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from mi_checks.compare.mediator_sets import MEDIATOR_METHOD, MediatorChange
from mi_checks.compare.run_comparison import CheckChange, comparison_method, count_states
from mi_checks.compare.run_pairs import differing_settings
from mi_checks.output import numbers
from mi_checks.output.claim_text import claim_text
from mi_checks.output.json_text import json_text
from mi_checks.output.tables import terminal_table
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.estimate import Estimate

HALF_BAR_WIDTH = 8  # characters of the bar on each side of the zero line
FULL_BAR_SIZE = 1.0  # the relative size at which the bar is full
TITLES = {
    "prompts moved": "changed on individual prompts with the same mean",
    "only before": "only in the first run",
    "only after": "only in the second run",
}


def lines(
    runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange], width: int
) -> list[str]:
    """Return the lines of the comparison; `runs` are the two files' names with their runs."""
    (before, first), (after, second) = runs
    all_lines = [f"{before}  {first.started}", f"{after}  {second.started}"]
    all_lines += [f"  {what}: {old} → {new}" for what, old, new in differing_settings(first, second)]
    summary = [f"{number:,} {TITLES.get(state, state)}" for state, number in count_states(changes).items()]
    summary += (
        [f"mediators of {len(mediators):,} behaviour{'s' if len(mediators) > 1 else ''} changed"] if mediators else []
    )
    all_lines += ["", ", ".join(summary)]
    if mediators:
        all_lines += ["", "mediators changed", *(line for change in mediators for line in _mediator_lines(change))]
    for state, group in groupby(changes, lambda change: change.state):
        if state != "unchanged":
            all_lines += ["", TITLES.get(state, state), *(line for change in group for line in _change_lines(change))]
    how = f"Method: {comparison_method(changes)}.{f' Mediators: {MEDIATOR_METHOD}.' if mediators else ''}"
    return [*all_lines, "", *textwrap.wrap(how, width, break_on_hyphens=False)]


def change_bar(change: CheckChange) -> str:
    """Return a bar such as `    ███▏        `: a decrease to the left of the middle, an increase to the right.

    A full side means a change as large as the larger of the two values.
    """
    if change.estimate is None:
        return " " * (2 * HALF_BAR_WIDTH + 1)
    filled = min(HALF_BAR_WIDTH, round(HALF_BAR_WIDTH * change.size / FULL_BAR_SIZE))
    filled = max(filled, 1) if change.estimate.value else 0
    blocks = "█" * filled
    less, more = (blocks, "") if change.estimate.value < 0 else ("", blocks)
    return f"{less:>{HALF_BAR_WIDTH}}│{more:<{HALF_BAR_WIDTH}}"


def _mediator_lines(change: MediatorChange) -> list[str]:
    where = change.after if change.before == change.after else f"{change.before} → {change.after}"
    heads = {f"−{name}": fractions for name, fractions in change.heads.lost.items()}
    heads |= {f"+{name}": fractions for name, fractions in change.heads.gained.items()}
    title = f"  {change.behaviour} mediators  {' '.join(change.heads.with_signs)}  ({where})"
    rows = [(name, f"{_fraction_text(before)} → {_fraction_text(after)}") for name, (before, after) in heads.items()]
    lines = [title, *(f"    {line}" for line in terminal_table(rows))]
    if change.heads.effects is not None:
        before, after = map(numbers.number, change.heads.effects)
        lines.append(f"    clean − corrupt {before} → {after} {change.heads.unit}")
    return lines


def _fraction_text(estimate: Estimate | None) -> str:
    return numbers.estimate_text(estimate) if estimate else "not among the strongest"


def _change_lines(change: CheckChange) -> list[str]:
    result = change.pair.either
    models = [side.model for side in (change.pair.before, change.pair.after) if side is not None]
    where = f"  ({models[0]})" if len(set(models)) == 1 else ""
    head = f"  {change_bar(change)}  {result.behaviour} {result.check}{where}"
    if change.state.startswith("only"):
        return [f"  {result.behaviour} {result.check}{where}: {result.outcome}"]
    values = f"{_value_text(change.pair.before)} → {_value_text(change.pair.after)}"
    if change.estimate is not None and change.p_value is not None:
        values += f", {numbers.signed_text(change.estimate)}, {numbers.p_value(change.p_value)}"
    indent = " " * (2 * HALF_BAR_WIDTH + 5)
    return [head, *(f"{indent}{line}" for line in (values, *change.notes))]


def _value_text(result: CheckResult | None) -> str:
    if result is None or result.estimate is None:
        return "–"
    return numbers.estimate_text(result.estimate)


def json_document(
    runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange]
) -> str:
    """Return one JSON object with every check, unchanged ones included, but without the values of single prompts."""
    (_, first), (_, second) = runs
    return json_text(
        {
            "runs": [{"path": path, "started": run.started, "command": run.command} for path, run in runs],
            "otherwise": [
                {"what": w, "before": old, "after": new} for w, old, new in differing_settings(first, second)
            ],
            "counts": count_states(changes),
            "changes": [_change_json(change) for change in changes],
            "mediators": [_mediators_json(change) for change in mediators],
            "method": comparison_method(changes),
        }
    )


def _change_json(change: CheckChange) -> dict[str, Any]:
    either = change.pair.either
    return {
        "behaviour": either.behaviour,
        "check": either.check,
        "kind": either.kind,
        "state": change.state,
        "direction": None if change.change is None else change.change.direction,
        "before": _side_json(change.pair.before),
        "after": _side_json(change.pair.after),
        "estimate": None if change.estimate is None else asdict(change.estimate),
        "relative_size": None if change.estimate is None else change.size,
        "p_holm": change.p_value,
        "margin": None if change.change is None else change.change.margin,
        "evidence": None if change.change is None else change.change.evidence,
        "notes": list(change.notes),
        "parts": None if change.parts is None else asdict(change.parts),
        "prompts": None if change.prompts is None else asdict(change.prompts),
    }


def _mediators_json(change: MediatorChange) -> dict[str, Any]:
    heads = change.heads
    kinds = {
        "lost": heads.lost,
        "gained": heads.gained,
        "stayed": heads.stayed,
        "relative": heads.only_denominator_changed,
    }
    return {
        "behaviour": change.behaviour,
        "before": change.before,
        "after": change.after,
        "effect_sizes": heads.effects and dict(zip(("before", "after"), heads.effects, strict=True)),
        **{
            kind: {
                name: {"before": then and asdict(then), "after": now and asdict(now)}
                for name, (then, now) in fractions.items()
            }
            for kind, fractions in kinds.items()
        },
    }


def _side_json(result: CheckResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    fields = ("model", "outcome", "bound", "deciding", "detail", "prompts_sha256")
    estimate = None if result.estimate is None else asdict(result.estimate)
    return {
        **{name: getattr(result, name) for name in fields},
        "claim": claim_text(result.claim),
        "location": str(result.place),
        "estimate": estimate,
    }
