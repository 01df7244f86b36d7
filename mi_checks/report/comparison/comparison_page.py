"""The comparison of two runs as one offline HTML page, with each change as a table row and as a dumbbell chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mi_checks.compare.mediator_sets import MEDIATOR_METHOD, MediatorChange
from mi_checks.compare.run_comparison import CheckChange, State, counts, method
from mi_checks.compare.run_pairs import differing_settings
from mi_checks.files import write_file
from mi_checks.output import numbers
from mi_checks.report import dumbbell as chart
from mi_checks.report.axis import Axis
from mi_checks.report.dumbbell import Dumbbell, axes, drawable, dumbbell
from mi_checks.report.header import moment
from mi_checks.report.html import environment
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.estimate import Estimate

DRAWN = ("drifted", "improved")
TITLES: dict[State, str] = {
    "drifted": "Drifted",
    "improved": "Improved",
    "prompts moved": "Moved prompt by prompt, with the same mean",
    "invalid": "Cannot be compared",
    "only before": "Only in the first run",
    "only after": "Only in the second run",
    "unchanged": "Unchanged",
}
CSS: dict[State, str] = {"drifted": "fail", "improved": "pass", "prompts moved": "drift", "invalid": "error"}


@dataclass(frozen=True)
class Told:
    """A number and its interval as text."""

    value: str
    interval: str


@dataclass(frozen=True)
class Row:
    """One change."""

    behaviour: str
    what: str
    where: str
    notes: tuple[str, ...]
    before: Told | None
    after: Told | None
    difference: Told | None
    p_value: str
    unit: str
    css: str
    chart: Dumbbell | None


@dataclass(frozen=True)
class Part:
    """A table of changes; a folded one has no charts."""

    title: str
    rows: tuple[Row, ...]
    folded: bool = False


@dataclass(frozen=True)
class Page:
    """The contents of the page."""

    headline: str
    totals: tuple[tuple[int, str, str], ...]
    runs: tuple[tuple[str, str, Run], ...]
    differing_settings: tuple[tuple[str, str, str], ...]
    parts: tuple[Part, ...]
    method: str


def write(
    runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange], path: Path
) -> None:
    """Write the page; an older one stays intact until the new one is complete.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    write_file(path, render(runs, changes, mediators), "the comparison")


def render(runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange]) -> str:
    """Return one HTML document, without scripts and without references to anything outside it."""
    (before, first), (after, second) = runs
    shares = [pair for change in mediators for pair in _moved(change).values()]
    shared = axes([*(_estimates(change) for change in changes if change.state in DRAWN), *shares])
    state_counts = counts(changes)
    how = method(changes) + (f". Mediators: {MEDIATOR_METHOD}" if mediators else "")
    sets = f"{'set' if len(mediators) == 1 else 'sets'} of mediators changed"
    page = Page(
        headline=_headline(state_counts.get("drifted", 0), len(mediators), len(changes)),
        totals=(
            *((n, state, CSS.get(state, "none")) for state, n in state_counts.items()),
            *([(len(mediators), sets, "fail")] if mediators else []),
        ),
        runs=(("Before", before, first), ("After", after, second)),
        differing_settings=differing_settings(first, second),
        parts=tuple(_parts(changes, mediators, shared)),
        method=how,
    )
    return environment().get_template("compare.html.j2").render(page=page, chart=chart, moment=moment)


def _headline(drifted: int, sets: int, total: int) -> str:
    if not drifted and not sets:
        return "Nothing drifted."
    clauses = [f"{drifted:,} of {numbers.count(total, 'check')} drifted"] if drifted else []
    clauses += [f"other heads mediate {numbers.count(sets, 'behaviour')}"] if sets else []
    text = ", and ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _parts(changes: Sequence[CheckChange], mediators: Sequence[MediatorChange], shared: dict[str, Axis]) -> list[Part]:
    parts = [
        Part(TITLES[state], tuple(_row(change, shared) for change in group), folded=state == "unchanged")
        for state, group in groupby(changes, lambda change: change.state)
    ]
    heads = tuple(_head(change, name, pair, shared) for change in mediators for name, pair in _moved(change).items())
    return [Part("Mediators lost (−) and gained (+)", heads), *parts] if heads else parts


def _row(change: CheckChange, shared: dict[str, Axis]) -> Row:
    result = change.pair.either
    before, after = _estimates(change)
    models = dict.fromkeys(side.model for side in (change.pair.before, change.pair.after) if side is not None)
    difference = change.estimate
    title = f"{result.behaviour} {result.check}: {change.state}"
    difference_text = None if difference is None else Told(numbers.signed(difference), numbers.interval(difference))
    return Row(
        behaviour=result.behaviour,
        what=result.check,
        where=" → ".join(models),
        notes=change.notes,
        before=_told(before),
        after=_told(after),
        difference=difference_text,
        p_value="" if change.p_value is None else numbers.p_value(change.p_value),
        unit=next((each.unit for each in (after, before) if each is not None), ""),
        css=CSS.get(change.state, "none"),
        chart=_chart(title, before, after, shared) if change.state in DRAWN else None,
    )


def _head(
    change: MediatorChange, name: str, pair: tuple[Estimate | None, Estimate | None], shared: dict[str, Axis]
) -> Row:
    before, after = pair
    unlisted = "no value: not among the strongest heads" if None in pair else ""
    return Row(
        behaviour=change.behaviour,
        what=name,
        where=" → ".join(dict.fromkeys((change.before, change.after))),
        notes=(unlisted,) if unlisted else (),
        before=_told(before),
        after=_told(after),
        difference=None,
        p_value="",
        unit=next((each.unit for each in pair if each is not None), ""),
        css="fail",
        chart=_chart(f"{change.behaviour} {name}", before, after, shared),
    )


def _moved(change: MediatorChange) -> dict[str, tuple[Estimate | None, Estimate | None]]:
    lost = {f"−{name}": pair for name, pair in change.heads.lost.items()}
    return lost | {f"+{name}": pair for name, pair in change.heads.gained.items()}


def _chart(title: str, before: Estimate | None, after: Estimate | None, shared: dict[str, Axis]) -> Dumbbell | None:
    if before is None or after is None or not drawable(before, after) or after.unit not in shared:
        return None
    return dumbbell(title, before, after, shared[after.unit])


def _estimates(change: CheckChange) -> tuple[Estimate | None, Estimate | None]:
    return _estimate(change.pair.before), _estimate(change.pair.after)


def _estimate(result: CheckResult | None) -> Estimate | None:
    return None if result is None else result.estimate


def _told(estimate: Estimate | None) -> Told | None:
    return None if estimate is None else Told(numbers.value(estimate), numbers.interval(estimate))
