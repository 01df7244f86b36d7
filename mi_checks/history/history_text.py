"""The answers of `mi-checks history` for a terminal: runs, a check over time with a sparkline, a head over time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from mi_checks.history.check_over_time import CheckHistory, CheckSummary, ResultInRun
from mi_checks.history.head_over_time import HeadHistory, HeadInRun, mediation_sentence, verdict_words
from mi_checks.history.run_store import RunSummary
from mi_checks.output import numbers
from mi_checks.output.tables import SYMBOLS, sparkline, terminal_table
from mi_checks.stats.estimate import Estimate

MAX_NAMED_MODELS = 3  # for a run with more models, only their number is shown
FRACTION_UNIT = "fraction of clean − corrupt"


def run_list(path: Path, runs: Sequence[RunSummary]) -> list[str]:
    """Return one line for each run, below a headline."""
    if not runs:
        return [f"{path} is empty"]
    rows = [
        (each.started[:19].replace("T", " "), each.short_name, _outcomes(each), _models(each), each.command)
        for each in runs
    ]
    return [f"{path}: {numbers.count(len(runs), 'run')}", *_indented(terminal_table(rows))]


def check_summaries(summaries: Sequence[CheckSummary]) -> list[str]:
    """Return one line for each check, below a headline: its values over the runs, and its last result."""
    rows = [(each.check, each.model, sparkline(each.values), _outcome(each.last), _runs(each)) for each in summaries]
    return [
        f"{summaries[0].behaviour}: every check, its values over the runs, and the last of them",
        *_indented(terminal_table(rows)),
    ]


def check_history(of: CheckHistory) -> list[str]:
    """Return one line for each run, below a headline."""
    line_of_values = sparkline(of.values)
    estimates = [result.estimate for result in of.results if result.estimate is not None]
    ends = (
        [numbers.value(pick(estimates, key=lambda estimate: estimate.value)) for pick in (min, max)]
        if estimates
        else []
    )
    head = f"{of.behaviour} {of.check} on {of.model}, {_runs(of)}"
    if ends:
        head += f"  {line_of_values}  {ends[0]} to {ends[1]} {estimates[-1].unit}"
    rows = [
        (result.model_run.date, result.model_run.short_name, result.model_run.weights, f"{_outcome(result)}{note}")
        for result, note in zip(of.results, _notes(of.results), strict=True)
    ]
    return [head, *_indented(terminal_table(rows))]


def head_history(of: HeadHistory) -> list[str]:
    """Return the answer in words, followed by one line for each run."""
    rows = [
        (each.model_run.date, each.model_run.short_name, each.model_run.weights, _fraction(each), verdict_words(each))
        for each in of.results
    ]
    line_of_values = sparkline([each.value for each in of.results])
    return [
        mediation_sentence(of),
        f"{_runs(of)}  {line_of_values}  {FRACTION_UNIT} that {of.node} recovers alone",
        *_indented(terminal_table(rows)),
    ]


def _outcomes(run: RunSummary) -> str:
    return ", ".join(f"{run.outcomes[name]:,} {name}" for name in SYMBOLS if name in run.outcomes)


def _models(run: RunSummary) -> str:
    return ", ".join(run.models) if len(run.models) <= MAX_NAMED_MODELS else numbers.count(len(run.models), "model")


def _runs(of: CheckHistory | CheckSummary | HeadHistory) -> str:
    return numbers.count(len(of.results if isinstance(of, HeadHistory) else of.values), "run")


def _outcome(result: ResultInRun) -> str:
    symbol = SYMBOLS.get(result.outcome, result.outcome)
    if result.estimate is None:
        return f"{symbol} {result.outcome}, nothing measured"
    return f"{symbol} {numbers.estimate_text(result.estimate)}"


def _notes(results: Sequence[ResultInRun]) -> Iterator[str]:
    """Yield for each result what makes its value incomparable with the last measured one before it, or ""."""
    before: ResultInRun | None = None
    for result in results:
        differences = []
        if before is not None and result.estimate is not None:
            differences += ["other prompts"] if result.prompts_sha256 != before.prompts_sha256 else []
            differences += [f"bound {before.bound} → {result.bound}"] if result.bound != before.bound else []
        yield f"  ({', '.join(differences)})" if differences else ""
        before = result if result.estimate is not None else before


def _fraction(result: HeadInRun) -> str:
    if result.value is None:
        return "–"
    if result.refusal is not None:
        return f"{numbers.number(result.value)} {numbers.NO_INTERVAL}"
    if result.low is None or result.high is None:
        return numbers.number(result.value)
    return numbers.estimate_text(Estimate(result.value, result.low, result.high, 0, FRACTION_UNIT, ""))


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}".rstrip() for line in lines]
