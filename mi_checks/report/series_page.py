"""Several runs side by side as one offline HTML page: a column for each run, and a curve for each effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mi_checks.files import write_file
from mi_checks.output import numbers
from mi_checks.report.behaviour_results import ModelResults, model_names, results_by_behaviour
from mi_checks.report.interval_charts import TrendChart, trend_chart
from mi_checks.report.renderer import template_environment
from mi_checks.report.report_header import start_time
from mi_checks.report.verdict_matrix import VerdictCell, verdict_cell
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import Run

SeriesKey = tuple[str, str]  # behaviour, and the model where the runs have several


@dataclass(frozen=True)
class RunColumn:
    """One run."""

    path: str
    title: str
    started: str
    headline: str
    command: str


@dataclass(frozen=True)
class SeriesRow:
    """One behaviour, on one model where the runs have several."""

    behaviour: str
    model: str
    cells: tuple[VerdictCell | None, ...]
    trend: TrendChart | None
    note: str


def write_series(runs: Sequence[tuple[str, Run]], path: Path) -> None:
    """Write the page, and replace an older one only once the new one is complete.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    write_file(path, render_series(runs), "the report")


def render_series(runs: Sequence[tuple[str, Run]]) -> str:
    """Return one HTML document, without scripts and without references to anything outside it."""
    single_model = all(len(model_names(run)) <= 1 for _, run in runs)
    pairs_by_run = [_by_key(run, single_model) for _, run in runs]
    keys = dict.fromkeys(key for each in pairs_by_run for key in each)
    return (
        template_environment()
        .get_template("series.html.j2")
        .render(
            columns=tuple(_column(path, run, single_model) for path, run in runs),
            rows=tuple(_row(key, [each.get(key) for each in pairs_by_run]) for key in keys),
        )
    )


def _by_key(run: Run, single_model: bool) -> dict[SeriesKey, ModelResults]:
    results_by_run = (results for behaviour in results_by_behaviour(run) for results in behaviour.models)
    return {(results.behaviour, "" if single_model else results.model): results for results in results_by_run}


def _column(path: str, run: Run, single_model: bool) -> RunColumn:
    passed = sum(result.outcome == "pass" for result in run.results)
    declared = sum(result.is_as_declared for result in run.results)
    also = f", {declared:,} inconclusive as declared" if declared else ""
    cut = "" if run.cut_short is None else ", cut short: {} of {} checks ran".format(*run.cut_short)
    names = model_names(run)
    return RunColumn(
        path=path,
        title=names[0] if single_model and names else Path(path).stem,
        started=start_time(run.started),
        headline=f"{passed:,} of {numbers.count(len(run.results), 'check')} passed{also}{cut}",
        command=run.command,
    )


def _row(key: SeriesKey, results_by_run: Sequence[ModelResults | None]) -> SeriesRow:
    evidence = [results.evidence if results else None for results in results_by_run]
    comparable = len({(e.effect.prompts_sha256, e.effect.against, e.effect.estimate.unit) for e in evidence if e}) == 1
    return SeriesRow(
        behaviour=key[0],
        model=key[1],
        cells=tuple(verdict_cell(results) if results else None for results in results_by_run),
        trend=_trend(key, evidence) if comparable else None,
        note="" if comparable or not any(evidence) else "no curve: the runs used different prompts",
    )


def _trend(key: SeriesKey, evidence: Sequence[Evidence | None]) -> TrendChart | None:
    title = f"{' on '.join(filter(None, key))}: effect over the runs"
    return trend_chart(title, [each.effect.estimate if each else None for each in evidence])
