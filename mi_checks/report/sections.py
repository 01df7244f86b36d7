"""A behaviour's part of the page: the claim as written, then what was measured on each model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from mi_checks.record import CheckResult, Evidence
from mi_checks.report import numbers
from mi_checks.report.heatmap import HeatmapView, heatmap_view
from mi_checks.report.intervals import IntervalChart, interval_chart
from mi_checks.report.pairs import Group, Pair
from mi_checks.report.text import web_address
from mi_checks.report.tokens import ExampleView, example_view
from mi_checks.report.verdict import Verdict, verdict


@dataclass(frozen=True)
class CheckRow:
    """One check. `line` is where its claim stands in the YAML shown above, 0 when that is not known."""

    anchor: str
    result: CheckResult
    verdict: Verdict
    value: str
    interval: str
    chart: IntervalChart | None
    line: int


@dataclass(frozen=True)
class ModelSection:
    """What was measured on one model."""

    anchor: str
    model: str
    verdict: Verdict
    passed: int
    total: int
    n: int
    logit_diff: str
    method: str
    checks: tuple[CheckRow, ...]
    heatmaps: tuple[HeatmapView, ...]
    examples: tuple[ExampleView, ...]


@dataclass(frozen=True)
class BehaviourSection:
    """One behaviour."""

    anchor: str
    name: str
    summary: str
    source: str
    link: str | None
    yaml_path: str
    yaml: tuple[str, ...]
    models: tuple[ModelSection, ...]


def section(group: Group) -> BehaviourSection:
    """Build a behaviour's section."""
    found = next((pair.evidence for pair in group.pairs if pair.evidence), None)
    return BehaviourSection(
        anchor=group.anchor,
        name=group.behaviour,
        summary=found.summary if found else "",
        source=found.source if found else "",
        link=web_address(found.source) if found else None,
        yaml_path=found.yaml_path if found else "",
        yaml=_lines(found),
        models=tuple(_model(pair, found) for pair in group.pairs),
    )


def _lines(evidence: Evidence | None) -> tuple[str, ...]:
    # Only \n ends a line here, as in an editor: splitlines() would also break at U+2028 and shift the line numbers.
    return tuple(evidence.yaml.rstrip("\n").split("\n")) if evidence else ()


def _model(pair: Pair, source: Evidence | None) -> ModelSection:
    evidence = pair.evidence
    measured = evidence.logit_diff if evidence else None
    return ModelSection(
        anchor=pair.anchor,
        model=pair.model,
        verdict=pair.verdict,
        passed=pair.passed,
        total=len(pair.results),
        n=evidence.n if evidence else 0,
        logit_diff=f"{numbers.value(measured)} {numbers.interval(measured)}" if measured else "",
        method=measured.method if measured else "",
        checks=tuple(_check(pair, index, source) for index in range(len(pair.results))),
        heatmaps=tuple(heatmap_view(heatmap) for heatmap in evidence.heatmaps) if evidence else (),
        examples=tuple(example_view(example) for example in evidence.examples) if evidence else (),
    )


def _check(pair: Pair, index: int, source: Evidence | None) -> CheckRow:
    result = pair.results[index]
    estimate = result.estimate
    return CheckRow(
        anchor=pair.check_anchor(index),
        result=result,
        verdict=verdict(result.outcome, pair.absent),
        value=numbers.value(estimate) if estimate else "",
        interval=numbers.interval(estimate) if estimate else "",
        chart=interval_chart(result),
        line=_line(result.location, source),
    )


def _line(location: str, source: Evidence | None) -> int:
    """The line a location points at, when it is a line of the shown file."""
    match = re.fullmatch(r"(.*?):([1-9][0-9]{0,6})(?::[0-9]+)?", location, re.DOTALL)
    if match is None or source is None or PurePath(match[1]).name != PurePath(source.yaml_path).name:
        return 0
    return int(match[2]) if int(match[2]) <= len(_lines(source)) else 0
