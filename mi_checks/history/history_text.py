"""The answers of `mi-checks history` for a terminal: runs, a check over time with a sparkline, a head over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mi_checks.history.check_over_time import Course, Outline, Point
from mi_checks.history.head_over_time import Mediation, Standing
from mi_checks.history.listing import Kept
from mi_checks.history.mediation_sentence import answer, standing
from mi_checks.output import numbers
from mi_checks.output.tables import sparkline, terminal_table
from mi_checks.output.verdict_table import SYMBOLS
from mi_checks.stats.estimate import Estimate

MAX_NAMED_MODELS = 3  # for a run with more models, only their number is shown
SHARE = "share of clean − corrupt"


def listing(path: Path, runs: Sequence[Kept]) -> list[str]:
    """Return one line for each run, below a headline."""
    if not runs:
        return [f"{path} is empty"]
    rows = [
        (each.started[:19].replace("T", " "), each.called, _outcomes(each), _models(each), each.command)
        for each in runs
    ]
    return [f"{path}: {numbers.count(len(runs), 'run')}", *_indented(terminal_table(rows))]


def outlines(found: Sequence[Outline]) -> list[str]:
    """Return one line for each check, below a headline: its values over the runs, and its last result."""
    rows = [(each.check, each.model, sparkline(each.values), _outcome(each.last), _runs(each)) for each in found]
    return [
        f"{found[0].behaviour}: every check, its values over the runs, and the last of them",
        *_indented(terminal_table(rows)),
    ]


def course(of: Course) -> list[str]:
    """Return one line for each run, below a headline."""
    line_of_values = sparkline(of.values)
    estimates = [point.estimate for point in of.points if point.estimate is not None]
    ends = (
        [numbers.value(pick(estimates, key=lambda estimate: estimate.value)) for pick in (min, max)]
        if estimates
        else []
    )
    head = f"{of.behaviour} {of.check} on {of.model}, {_runs(of)}"
    if ends:
        head += f"  {line_of_values}  {ends[0]} to {ends[1]} {estimates[-1].unit}"
    rows = [
        (point.at.date, point.at.called, point.at.weights, f"{_outcome(point)}{note}")
        for point, note in zip(of.points, _notes(of.points), strict=True)
    ]
    return [head, *_indented(terminal_table(rows))]


def mediation(of: Mediation) -> list[str]:
    """Return the answer in words, followed by one line for each run."""
    rows = [(each.at.date, each.at.called, each.at.weights, _share(each), standing(each)) for each in of.standings]
    line_of_values = sparkline([each.value for each in of.standings])
    return [
        answer(of),
        f"{_runs(of)}  {line_of_values}  {SHARE} that {of.node} recovers alone",
        *_indented(terminal_table(rows)),
    ]


def _outcomes(run: Kept) -> str:
    return ", ".join(f"{run.outcomes[name]:,} {name}" for name in SYMBOLS if name in run.outcomes)


def _models(run: Kept) -> str:
    return ", ".join(run.models) if len(run.models) <= MAX_NAMED_MODELS else numbers.count(len(run.models), "model")


def _runs(of: Course | Outline | Mediation) -> str:
    return numbers.count(len(of.standings if isinstance(of, Mediation) else of.values), "run")


def _outcome(point: Point) -> str:
    symbol = SYMBOLS.get(point.outcome, point.outcome)
    if point.estimate is None:
        return f"{symbol} {point.outcome}, nothing measured"
    return f"{symbol} {numbers.estimate_text(point.estimate)}"


def _notes(points: Sequence[Point]) -> Iterator[str]:
    """Yield for each point what makes its value incomparable with the last measured one before it, or ""."""
    before: Point | None = None
    for point in points:
        differences = []
        if before is not None and point.estimate is not None:
            differences += ["other prompts"] if point.prompts_sha256 != before.prompts_sha256 else []
            differences += [f"bound {before.bound} → {point.bound}"] if point.bound != before.bound else []
        yield f"  ({', '.join(differences)})" if differences else ""
        before = point if point.estimate is not None else before


def _share(each: Standing) -> str:
    if each.value is None:
        return "–"
    if each.low is None or each.high is None:
        return numbers.number(each.value)
    estimate = Estimate(each.value, each.low, each.high, 0, SHARE, "")
    return numbers.estimate_text(estimate)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}".rstrip() for line in lines]
