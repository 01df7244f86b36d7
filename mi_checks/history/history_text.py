"""For a terminal: the runs, a check over time with its values drawn, a head over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mi_checks.history.check_over_time import Course, Outline, Point
from mi_checks.history.head_over_time import Mediation, Standing
from mi_checks.history.listing import Kept
from mi_checks.history.mediation_sentence import answer, standing
from mi_checks.output import numbers
from mi_checks.output.sparkline import sparkline
from mi_checks.output.verdict_table import SYMBOLS
from mi_checks.stats.estimate import Estimate

MODELS = 3  # named of a run; of more, how many
SHARE = "share of clean − corrupt"


def listing(path: Path, runs: Sequence[Kept]) -> list[str]:
    """One line for each run."""
    if not runs:
        return [f"{path} is empty"]
    rows = [(each.started[:19].replace("T", " "), each.called, _outcomes(each), _models(each)) for each in runs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join((*(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)), each.command))
        for row, each in zip(rows, runs, strict=True)
    ]
    return [f"{path}: {numbers.count(len(runs), 'run')}", *(f"  {line}".rstrip() for line in lines)]


def outlines(found: Sequence[Outline]) -> list[str]:
    """One line for each check: how it went, and what it came to last."""
    rows = [(each.check, each.model, sparkline(each.values), _outcome(each.last), _runs(each)) for each in found]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)) for row in rows]
    return [f"{found[0].behaviour}: every check, its values over the runs, and the last of them", *_indented(lines)]


def course(of: Course) -> list[str]:
    """One line for each run."""
    drawn = sparkline(of.values)
    there = [point.estimate for point in of.points if point.estimate is not None]
    ends = [numbers.value(pick(there, key=lambda estimate: estimate.value)) for pick in (min, max)] if there else []
    head = f"{of.behaviour} {of.check} on {of.model}, {_runs(of)}"
    if ends:
        head += f"  {drawn}  {ends[0]} to {ends[1]} {there[-1].unit}"
    weights = max(len(point.at.weights) for point in of.points)
    lines = [
        f"{point.at.date}  {point.at.called}  {point.at.weights:<{weights}}  {_outcome(point)}{note}"
        for point, note in zip(of.points, _notes(of.points), strict=True)
    ]
    return [head, *_indented(lines)]


def mediation(of: Mediation) -> list[str]:
    """The answer in words, and what every run says."""
    weights = max(len(each.at.weights) for each in of.standings)
    values = [_share(each) for each in of.standings]
    width = max(map(len, values))
    lines = [
        f"{each.at.date}  {each.at.called}  {each.at.weights:<{weights}}  {value:<{width}}  {standing(each)}"
        for each, value in zip(of.standings, values, strict=True)
    ]
    drawn = sparkline([each.value for each in of.standings])
    return [answer(of), f"{_runs(of)}  {drawn}  {SHARE} that {of.node} recovers alone", *_indented(lines)]


def _outcomes(run: Kept) -> str:
    return ", ".join(f"{run.outcomes[name]:,} {name}" for name in SYMBOLS if name in run.outcomes)


def _models(run: Kept) -> str:
    return ", ".join(run.models) if len(run.models) <= MODELS else numbers.count(len(run.models), "model")


def _runs(of: Course | Outline | Mediation) -> str:
    return numbers.count(len(of.standings if isinstance(of, Mediation) else of.values), "run")


def _outcome(point: Point) -> str:
    symbol = SYMBOLS.get(point.outcome, point.outcome)
    if point.estimate is None:
        return f"{symbol} {point.outcome}, nothing measured"
    return f"{symbol} {numbers.value(point.estimate)} {numbers.interval(point.estimate)}"


def _notes(points: Sequence[Point]) -> Iterator[str]:
    """What makes a value another thing than the one measured before it."""
    before: Point | None = None
    for point in points:
        told = []
        if before is not None and point.estimate is not None:
            told += ["other prompts"] if point.prompts_sha256 != before.prompts_sha256 else []
            told += [f"bound {before.bound} → {point.bound}"] if point.bound != before.bound else []
        yield f"  ({', '.join(told)})" if told else ""
        before = point if point.estimate is not None else before


def _share(each: Standing) -> str:
    if each.value is None:
        return "–"
    if each.low is None or each.high is None:
        return numbers.number(each.value)
    estimate = Estimate(each.value, each.low, each.high, 0, SHARE, "")
    return f"{numbers.value(estimate)} {numbers.interval(estimate)}"


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}".rstrip() for line in lines]
