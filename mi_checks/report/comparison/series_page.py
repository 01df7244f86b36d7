"""Several runs side by side as one offline HTML page: a column for each run, and a curve for each effect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mi_checks.files import write_file
from mi_checks.output import numbers
from mi_checks.report import trend
from mi_checks.report.by_behaviour import Pair, groups, models
from mi_checks.report.header import moment
from mi_checks.report.html import environment
from mi_checks.report.trend import Trend
from mi_checks.report.verdict_matrix import Cell, cell
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import Run

Key = tuple[str, str]  # behaviour, and the model where the runs have several


@dataclass(frozen=True)
class Column:
    """One run."""

    path: str
    title: str
    started: str
    headline: str
    command: str


@dataclass(frozen=True)
class Row:
    """One behaviour, on one model where the runs have several."""

    behaviour: str
    model: str
    cells: tuple[Cell | None, ...]
    trend: Trend | None
    note: str


def write(runs: Sequence[tuple[str, Run]], path: Path) -> None:
    """Write the page; an older one stays intact until the new one is complete.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    write_file(path, render(runs), "the report")


def render(runs: Sequence[tuple[str, Run]]) -> str:
    """Return one HTML document, without scripts and without references to anything outside it."""
    single_model = all(len(models(run)) <= 1 for _, run in runs)
    pairs_by_run = [_by_key(run, single_model) for _, run in runs]
    keys = dict.fromkeys(key for each in pairs_by_run for key in each)
    return (
        environment()
        .get_template("series.html.j2")
        .render(
            columns=tuple(_column(path, run, single_model) for path, run in runs),
            rows=tuple(_row(key, [each.get(key) for each in pairs_by_run]) for key in keys),
            chart=trend,
        )
    )


def _by_key(run: Run, single_model: bool) -> dict[Key, Pair]:
    pairs = (pair for group in groups(run) for pair in group.pairs)
    return {(pair.behaviour, "" if single_model else pair.model): pair for pair in pairs}


def _column(path: str, run: Run, single_model: bool) -> Column:
    passed = sum(result.outcome == "pass" for result in run.results)
    cut = "" if run.cut_short is None else ", cut short: {} of {}".format(*run.cut_short)
    model_names = models(run)
    return Column(
        path=path,
        title=model_names[0] if single_model and model_names else Path(path).stem,
        started=moment(run.started),
        headline=f"{passed:,} of {numbers.count(len(run.results), 'check')} passed{cut}",
        command=run.command,
    )


def _row(key: Key, pairs: Sequence[Pair | None]) -> Row:
    evidence = [pair.evidence if pair else None for pair in pairs]
    comparable = len({(e.effect.prompts_sha256, e.effect.against, e.effect.estimate.unit) for e in evidence if e}) == 1
    return Row(
        behaviour=key[0],
        model=key[1],
        cells=tuple(cell(pair) if pair else None for pair in pairs),
        trend=_trend(key, evidence) if comparable else None,
        note="" if comparable or not any(evidence) else "no curve: not on the same prompts in all runs",
    )


def _trend(key: Key, evidence: Sequence[Evidence | None]) -> Trend | None:
    title = f"{' on '.join(filter(None, key))}: effect over the runs"
    return trend.trend(title, [each.effect.estimate if each else None for each in evidence])
