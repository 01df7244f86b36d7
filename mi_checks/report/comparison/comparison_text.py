"""For a terminal: what the runs have otherwise, how many of each state, and every change with its size drawn."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from mi_checks.compare.run_mediators import METHOD, MediatorChange
from mi_checks.compare.run_settings import otherwise
from mi_checks.compare.runs import Change, counts, method
from mi_checks.output import numbers
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.estimate import Estimate

HALF = 8  # characters of the drawing to each side of no change
WHOLE = 1.0  # the relative size at which it is full
TITLES = {
    "prompts moved": "moved prompt by prompt with the same mean",
    "only before": "only in the first run",
    "only after": "only in the second run",
}


def lines(
    runs: Sequence[tuple[str, Run]], changes: Sequence[Change], mediators: Sequence[MediatorChange], width: int
) -> list[str]:
    """The whole answer; runs are the two files' names with what they hold."""
    (before, first), (after, second) = runs
    found = [f"{before}  {first.started}", f"{after}  {second.started}"]
    found += [f"  {what}: {old} → {new}" for what, old, new in otherwise(first, second)]
    told = [f"{number:,} {TITLES.get(state, state)}" for state, number in counts(changes).items()]
    told += (
        [f"mediators of {len(mediators):,} behaviour{'s' if len(mediators) > 1 else ''} changed"] if mediators else []
    )
    found += ["", ", ".join(told)]
    if mediators:
        found += ["", "mediators changed", *(line for change in mediators for line in _set(change))]
    for state, group in groupby(changes, lambda change: change.state):
        if state != "unchanged":
            found += ["", TITLES.get(state, state), *(line for change in group for line in _told(change))]
    how = f"Method: {method(changes)}.{f' Mediators: {METHOD}.' if mediators else ''}"
    return [*found, "", *textwrap.wrap(how, width, break_on_hyphens=False)]


def drawn(change: Change) -> str:
    """`    ███▏        `: how much less (left of the middle) or more, a full side being all of the larger value."""
    if change.estimate is None:
        return " " * (2 * HALF + 1)
    filled = min(HALF, round(HALF * change.size / WHOLE))
    filled = max(filled, 1) if change.estimate.value else 0
    blocks = "█" * filled
    less, more = (blocks, "") if change.estimate.value < 0 else ("", blocks)
    return f"{less:>{HALF}}│{more:<{HALF}}"


def _set(change: MediatorChange) -> list[str]:
    where = change.after if change.before == change.after else f"{change.before} → {change.after}"
    shares = {f"−{name}": share for name, share in change.heads.lost.items()}
    shares |= {f"+{name}": share for name, share in change.heads.gained.items()}
    width = max(map(len, shares))
    head = f"  {change.behaviour} mediators  {' '.join(change.heads.signed)}  ({where})"
    of = change.heads.effects
    lines = [f"    {name:<{width}}  {_share(then)} → {_share(now)}" for name, (then, now) in shares.items()]
    effects = [] if of is None else [f"    clean − corrupt {of[0]:.2f} → {of[1]:.2f} {change.heads.unit}"]
    return [head, *lines, *effects]


def _share(estimate: Estimate | None) -> str:
    return f"{numbers.value(estimate)} {numbers.interval(estimate)}" if estimate else "not among the strongest"


def _told(change: Change) -> list[str]:
    named = change.pair.either
    models = [side.model for side in (change.pair.before, change.pair.after) if side is not None]
    where = f"  ({models[0]})" if len(set(models)) == 1 else ""
    head = f"  {drawn(change)}  {named.behaviour} {named.check}{where}"
    if change.state.startswith("only"):
        return [f"  {named.behaviour} {named.check}{where}: {named.outcome}"]
    values = f"{_value(change.pair.before)} → {_value(change.pair.after)}"
    if change.estimate is not None and change.p_value is not None:
        signed, interval = numbers.signed(change.estimate), numbers.interval(change.estimate)
        values += f", {signed} {interval}, {numbers.p_value(change.p_value)}"
    indent = " " * (2 * HALF + 5)
    return [head, *(f"{indent}{line}" for line in (values, *change.notes))]


def _value(result: CheckResult | None) -> str:
    if result is None or result.estimate is None:
        return "–"
    return f"{numbers.value(result.estimate)} {numbers.interval(result.estimate)}"
