"""The comparison of two runs for a terminal: differing settings, counts by state, and each change with a bar."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from mi_checks.compare.mediator_sets import MEDIATOR_METHOD, MediatorChange
from mi_checks.compare.run_comparison import CheckChange, counts, method
from mi_checks.compare.run_pairs import differing_settings
from mi_checks.output import numbers
from mi_checks.output.tables import terminal_table
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.estimate import Estimate

HALF_BAR_WIDTH = 8  # characters of the bar on each side of the zero line
FULL_BAR_SIZE = 1.0  # the relative size at which the bar is full
TITLES = {
    "prompts moved": "moved prompt by prompt with the same mean",
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
    summary = [f"{number:,} {TITLES.get(state, state)}" for state, number in counts(changes).items()]
    summary += (
        [f"mediators of {len(mediators):,} behaviour{'s' if len(mediators) > 1 else ''} changed"] if mediators else []
    )
    all_lines += ["", ", ".join(summary)]
    if mediators:
        all_lines += ["", "mediators changed", *(line for change in mediators for line in _set(change))]
    for state, group in groupby(changes, lambda change: change.state):
        if state != "unchanged":
            all_lines += ["", TITLES.get(state, state), *(line for change in group for line in _told(change))]
    how = f"Method: {method(changes)}.{f' Mediators: {MEDIATOR_METHOD}.' if mediators else ''}"
    return [*all_lines, "", *textwrap.wrap(how, width, break_on_hyphens=False)]


def drawn(change: CheckChange) -> str:
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


def _set(change: MediatorChange) -> list[str]:
    where = change.after if change.before == change.after else f"{change.before} → {change.after}"
    shares = {f"−{name}": share for name, share in change.heads.lost.items()}
    shares |= {f"+{name}": share for name, share in change.heads.gained.items()}
    head = f"  {change.behaviour} mediators  {' '.join(change.heads.signed)}  ({where})"
    of = change.heads.effects
    table = terminal_table([(name, f"{_share(then)} → {_share(now)}") for name, (then, now) in shares.items()])
    lines = [f"    {line}" for line in table]
    effects = (
        []
        if of is None
        else [f"    clean − corrupt {numbers.number(of[0])} → {numbers.number(of[1])} {change.heads.unit}"]
    )
    return [head, *lines, *effects]


def _share(estimate: Estimate | None) -> str:
    return numbers.estimate_text(estimate) if estimate else "not among the strongest"


def _told(change: CheckChange) -> list[str]:
    result = change.pair.either
    models = [side.model for side in (change.pair.before, change.pair.after) if side is not None]
    where = f"  ({models[0]})" if len(set(models)) == 1 else ""
    head = f"  {drawn(change)}  {result.behaviour} {result.check}{where}"
    if change.state.startswith("only"):
        return [f"  {result.behaviour} {result.check}{where}: {result.outcome}"]
    values = f"{_value(change.pair.before)} → {_value(change.pair.after)}"
    if change.estimate is not None and change.p_value is not None:
        values += f", {numbers.signed_text(change.estimate)}, {numbers.p_value(change.p_value)}"
    indent = " " * (2 * HALF_BAR_WIDTH + 5)
    return [head, *(f"{indent}{line}" for line in (values, *change.notes))]


def _value(result: CheckResult | None) -> str:
    if result is None or result.estimate is None:
        return "–"
    return numbers.estimate_text(result.estimate)
