"""The comparison of two runs as one offline HTML page, with each change as a table row and as a dumbbell chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from mi_checks.compare.mediator_sets import MEDIATOR_METHOD, MediatorChange
from mi_checks.compare.run_comparison import CheckChange, State, comparison_method, count_states
from mi_checks.compare.run_pairs import differing_settings
from mi_checks.files import write_file
from mi_checks.output import numbers
from mi_checks.report.axis import Axis
from mi_checks.report.interval_charts import DumbbellChart, dumbbell_chart, is_drawable, shared_axes
from mi_checks.report.renderer import template_environment
from mi_checks.report.report_header import start_time
from mi_checks.results.run import CheckResult, Run
from mi_checks.stats.estimate import Estimate

CHARTED_STATES = ("drifted", "improved")
TITLES: dict[State, str] = {
    "drifted": "Drifted",
    "improved": "Improved",
    "prompts moved": "Changed on individual prompts, with the same mean",
    "inconclusive": "Inconclusive",
    "invalid": "Cannot be compared",
    "only before": "Only in the first run",
    "only after": "Only in the second run",
    "unchanged": "Unchanged",
}
CSS: dict[State, str] = {"drifted": "fail", "improved": "pass", "prompts moved": "drift", "invalid": "error"}


@dataclass(frozen=True)
class EstimateText:
    """A number and its interval as text."""

    value: str
    interval: str


@dataclass(frozen=True)
class ChangeRow:
    """One change."""

    behaviour: str
    what: str
    where: str
    notes: tuple[str, ...]
    before: EstimateText | None
    after: EstimateText | None
    difference: EstimateText | None
    p_value: str
    unit: str
    css: str
    chart: DumbbellChart | None


@dataclass(frozen=True)
class ChangeTable:
    """A table of changes; a collapsed one has no charts."""

    title: str
    rows: tuple[ChangeRow, ...]
    collapsed: bool = False


@dataclass(frozen=True)
class ComparisonPage:
    """The contents of the page."""

    headline: str
    totals: tuple[tuple[int, str, str], ...]
    runs: tuple[tuple[str, str, Run], ...]
    differing_settings: tuple[tuple[str, str, str], ...]
    tables: tuple[ChangeTable, ...]
    method: str


def write_comparison(
    runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange], path: Path
) -> None:
    """Write the page; an older one stays intact until the new one is complete.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    write_file(path, render_comparison(runs, changes, mediators), "the comparison")


def render_comparison(
    runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange]
) -> str:
    """Return one HTML document, without scripts and without references to anything outside it."""
    (before, first), (after, second) = runs
    head_estimates = [pair for change in mediators for pair in _changed_heads(change).values()]
    chart_axes = shared_axes(
        [*(_estimates(change) for change in changes if change.state in CHARTED_STATES), *head_estimates]
    )
    state_counts = count_states(changes)
    method_text = comparison_method(changes) + (f". Mediators: {MEDIATOR_METHOD}" if mediators else "")
    sets = f"{'set' if len(mediators) == 1 else 'sets'} of mediators changed"
    page = ComparisonPage(
        headline=_headline(state_counts.get("drifted", 0), len(mediators), len(changes)),
        totals=(
            *((n, TITLES[state].lower(), CSS.get(state, "none")) for state, n in state_counts.items()),
            *([(len(mediators), sets, "fail")] if mediators else []),
        ),
        runs=(("Before", before, first), ("After", after, second)),
        differing_settings=differing_settings(first, second),
        tables=tuple(_change_tables(changes, mediators, chart_axes)),
        method=method_text,
    )
    return template_environment().get_template("compare.html.j2").render(page=page, start_time=start_time)


def _headline(drifted: int, sets: int, total: int) -> str:
    if not drifted and not sets:
        return "Nothing drifted."
    clauses = [f"{drifted:,} of {numbers.count(total, 'check')} drifted"] if drifted else []
    clauses += [f"the mediating heads of {numbers.count(sets, 'behaviour')} changed"] if sets else []
    text = ", and ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _change_tables(
    changes: Sequence[CheckChange], mediators: Sequence[MediatorChange], chart_axes: dict[str, Axis]
) -> list[ChangeTable]:
    tables = [
        ChangeTable(TITLES[state], tuple(_row(change, chart_axes) for change in group), collapsed=state == "unchanged")
        for state, group in groupby(changes, lambda change: change.state)
    ]
    heads = tuple(
        _head_row(change, name, pair, chart_axes)
        for change in mediators
        for name, pair in _changed_heads(change).items()
    )
    return [ChangeTable("Mediators lost (−) and gained (+)", heads), *tables] if heads else tables


def _row(change: CheckChange, chart_axes: dict[str, Axis]) -> ChangeRow:
    result = change.pair.either
    before, after = _estimates(change)
    models = dict.fromkeys(side.model for side in (change.pair.before, change.pair.after) if side is not None)
    difference = change.estimate
    title = f"{result.behaviour} {result.check}: {change.state}"
    difference_text = (
        None if difference is None else EstimateText(numbers.signed(difference), numbers.interval(difference))
    )
    return ChangeRow(
        behaviour=result.behaviour,
        what=result.check,
        where=" → ".join(models),
        notes=change.notes,
        before=_estimate_text(before),
        after=_estimate_text(after),
        difference=difference_text,
        p_value="" if change.p_value is None else numbers.p_value(change.p_value),
        unit=next((each.unit for each in (after, before) if each is not None), ""),
        css=CSS.get(change.state, "none"),
        chart=_chart(title, before, after, chart_axes) if change.state in CHARTED_STATES else None,
    )


def _head_row(
    change: MediatorChange, name: str, pair: tuple[Estimate | None, Estimate | None], chart_axes: dict[str, Axis]
) -> ChangeRow:
    before, after = pair
    unlisted = "no value: the head is not among the strongest of that run" if None in pair else ""
    return ChangeRow(
        behaviour=change.behaviour,
        what=name,
        where=" → ".join(dict.fromkeys((change.before, change.after))),
        notes=(unlisted,) if unlisted else (),
        before=_estimate_text(before),
        after=_estimate_text(after),
        difference=None,
        p_value="",
        unit=next((each.unit for each in pair if each is not None), ""),
        css="fail",
        chart=_chart(f"{change.behaviour} {name}", before, after, chart_axes),
    )


def _changed_heads(change: MediatorChange) -> dict[str, tuple[Estimate | None, Estimate | None]]:
    lost = {f"−{name}": pair for name, pair in change.heads.lost.items()}
    return lost | {f"+{name}": pair for name, pair in change.heads.gained.items()}


def _chart(
    title: str, before: Estimate | None, after: Estimate | None, chart_axes: dict[str, Axis]
) -> DumbbellChart | None:
    if before is None or after is None or not is_drawable(before, after) or after.unit not in chart_axes:
        return None
    return dumbbell_chart(title, before, after, chart_axes[after.unit])


def _estimates(change: CheckChange) -> tuple[Estimate | None, Estimate | None]:
    return _estimate(change.pair.before), _estimate(change.pair.after)


def _estimate(result: CheckResult | None) -> Estimate | None:
    return None if result is None else result.estimate


def _estimate_text(estimate: Estimate | None) -> EstimateText | None:
    return None if estimate is None else EstimateText(numbers.value(estimate), numbers.interval(estimate))
