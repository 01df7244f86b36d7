"""The section of a behaviour: its claims as YAML and in words, then the measurements on each model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath

from mi_checks.compare.baseline_record import NO_CHECKS
from mi_checks.output import numbers
from mi_checks.output.readable import web_address
from mi_checks.report.by_behaviour import Group, Pair, drifted
from mi_checks.report.circuit_drawing import CircuitView, circuit_view
from mi_checks.report.controls import Absent, absents, on_corrupt
from mi_checks.report.faithfulness import FaithfulnessView, faithfulness_view
from mi_checks.report.head_card import CardView, card_views
from mi_checks.report.heatmap import HeatmapView, heatmap_view
from mi_checks.report.interval_chart import IntervalChart, interval_chart
from mi_checks.report.outcomes import Verdict, verdict
from mi_checks.report.pytest_marks import marks
from mi_checks.report.tokens import ExampleView, example_view
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import BASELINE, CheckResult, MutantsResult, Place


@dataclass(frozen=True)
class CheckRow:
    """One check. `line` is the line of its claim in the YAML shown above, or 0 if that is unknown."""

    anchor: str
    result: CheckResult
    verdict: Verdict
    value: str
    interval: str
    line: int
    mutants: MutantsResult | None

    @property
    def parts(self) -> str:
        """Return a fraction's numerator and denominator, such as `0.57 of 12.94 logits`; "" for other estimates."""
        parts = self.result.parts
        if parts is None or parts.numerator is None:
            return ""
        whole = parts.denominator
        return f"{numbers.value(parts.numerator)} of {numbers.value(whole)} {whole.unit}"

    @property
    def seen(self) -> str:
        """Return the deciding node and how the claim was tested, or "" if neither is known."""
        deciding = f"deciding: {self.result.deciding}" if self.result.deciding else ""
        return "; ".join(filter(None, (deciding, self.result.detail)))

    @cached_property
    def chart(self) -> IntervalChart | None:
        """Return the interval chart, which is laid out only where it is drawn."""
        return interval_chart(self.result)

    @property
    def measures(self) -> bool:
        """Return whether the check measures a number, which a comparison (baseline, reference model, lock) does not."""
        return self.result.kind not in NO_CHECKS

    @property
    def killed(self) -> str:
        """Return text such as `5 of 5 killed`, or "" if there were no mutants."""
        if self.mutants is None or not self.mutants.mutants:
            return ""
        total = len(self.mutants.mutants)
        return f"{total - len(self.mutants.survivors)} of {numbers.count(total, 'mutant')} killed"


@dataclass(frozen=True)
class ModelSection:
    """The measurements on one model."""

    pair: Pair
    effect: str
    logit_diff: str
    corrupt: str
    checks: tuple[CheckRow, ...]

    @property
    def anchor(self) -> str:
        """Return the anchor of the section, or of the group of rows that replaces it."""
        return self.pair.anchor

    @property
    def omitted(self) -> tuple[str, ...]:
        """Return sentences about what could not be measured for the report."""
        return self.pair.evidence.omitted if self.pair.evidence else ()

    @cached_property
    def heatmaps(self) -> tuple[HeatmapView, ...]:
        """Return the heat maps, which are laid out only where they are drawn."""
        return tuple(heatmap_view(heatmap) for heatmap in self.pair.evidence.heatmaps) if self.pair.evidence else ()

    @cached_property
    def circuit(self) -> CircuitView | None:
        """Return the drawing of the circuit, which is laid out only where it is drawn."""
        circuit = self.pair.evidence.circuit if self.pair.evidence else None
        title = f"Circuit of {self.pair.behaviour} on {self.pair.model}"
        return circuit_view(circuit, title, f"{self.anchor}g") if circuit else None

    def cards(self, *, whole: bool) -> tuple[CardView, ...]:
        """Return the cards of the circuit's nodes, with the attention of all tokens or of only the last one."""
        evidence = self.pair.evidence
        return card_views(evidence.circuit, evidence.examples, whole=whole) if evidence and evidence.circuit else ()

    @cached_property
    def curves(self) -> tuple[FaithfulnessView, ...]:
        """Return the faithfulness curves, which are laid out only where they are drawn."""
        pair = self.pair
        of = f" of {pair.behaviour} on {pair.model}"
        return tuple(faithfulness_view(curve, of) for curve in pair.evidence.curves) if pair.evidence else ()

    @cached_property
    def examples(self) -> tuple[ExampleView, ...]:
        """Return the example prompts, which are laid out only where they are drawn."""
        evidence = self.pair.evidence
        return tuple(example_view(example, evidence) for example in evidence.examples) if evidence else ()


@dataclass(frozen=True)
class Claim:
    """The claim of a check on most models; rows with a different claim state it themselves."""

    check: str
    text: str
    unit: str
    line: int


@dataclass(frozen=True)
class BehaviourSection:
    """One behaviour."""

    anchor: str
    name: str
    summary: str
    source: str
    link: str | None
    marks: tuple[str, ...]
    yaml_path: str
    yaml: tuple[str, ...]
    claims: dict[str, Claim]  # by check
    absents: tuple[Absent, ...]
    models: tuple[ModelSection, ...]

    @cached_property
    def linked(self) -> frozenset[int]:
        """Return the lines of the YAML that something on the page links to."""
        rows = (check.line for model in self.models for check in model.checks)
        return frozenset((*rows, *(claim.line for claim in self.claims.values())))


def section(group: Group) -> BehaviourSection:
    """Build a behaviour's section."""
    evidence = next((pair.evidence for pair in group.pairs if pair.evidence), None)
    return BehaviourSection(
        anchor=group.anchor,
        name=group.behaviour,
        summary=evidence.summary if evidence else "",
        source=evidence.source if evidence else "",
        link=web_address(evidence.source) if evidence else None,
        marks=marks(evidence),
        yaml_path=evidence.yaml_path if evidence else "",
        yaml=_lines(evidence),
        claims=_claims((result for pair in group.pairs for result in pair.results), evidence),
        absents=absents(group),
        models=tuple(_model(pair, evidence) for pair in group.pairs),
    )


def _lines(evidence: Evidence | None) -> tuple[str, ...]:
    # Only \n ends a line here, as in an editor: splitlines() would also break at U+2028 and shift the line numbers.
    return tuple(evidence.yaml.rstrip("\n").split("\n")) if evidence else ()


def _claims(results: Iterable[CheckResult], source: Evidence | None) -> dict[str, Claim]:
    by_check: dict[str, Counter[tuple[str, str, int]]] = {}
    for result in results:
        if result.claim and (result.kind not in NO_CHECKS or result.kind == BASELINE):
            unit = result.estimate.unit if result.estimate else ""
            claim = (result.claim, unit, _line(result.place, source))
            by_check.setdefault(result.check, Counter())[claim] += 1
    return {check: Claim(check, *claim.most_common(1)[0][0]) for check, claim in by_check.items()}


def _model(pair: Pair, source: Evidence | None) -> ModelSection:
    evidence = pair.evidence
    measured = evidence.logit_diff if evidence else None
    effect = evidence.effect.estimate if evidence else None
    return ModelSection(
        pair=pair,
        effect=f"{numbers.estimate_text(effect)} {effect.unit}" if effect else "",
        logit_diff=numbers.estimate_text(measured) if measured else "",
        corrupt=on_corrupt(evidence) if evidence else "",
        checks=tuple(_check(pair, index, source) for index in range(len(pair.results))),
    )


def _check(pair: Pair, index: int, source: Evidence | None) -> CheckRow:
    result = pair.results[index]
    estimate = result.estimate
    return CheckRow(
        anchor=pair.check_anchor(index),
        result=result,
        verdict=verdict(result.outcome, pair.absent, drifted(result)),
        value=numbers.value(estimate) if estimate else "",
        interval=numbers.interval(estimate) if estimate else "",
        line=_line(result.place, source),
        mutants=pair.mutants.get(result.check),
    )


def _line(place: Place, source: Evidence | None) -> int:
    """Return the line number of a place if that line is in the displayed file, otherwise 0."""
    if source is None or PurePath(place.file).name != PurePath(source.yaml_path).name:
        return 0
    return place.line if 0 < place.line <= len(_lines(source)) else 0
