"""The section of a behaviour: its claims as YAML and in words, then the measurements on each model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from statistics import fmean

from mi_checks.compare.baseline_record import NO_CHECKS
from mi_checks.output import numbers
from mi_checks.output.claim_text import claim_text
from mi_checks.output.safe_text import web_address
from mi_checks.output.unit_text import unit_text, worst_rows
from mi_checks.report.behaviour_results import BehaviourResults, ModelResults, VerdictLabel, is_drift, verdict_label
from mi_checks.report.card_views import NodeCardView, node_card_views
from mi_checks.report.circuit_charts import CircuitDrawing, FaithfulnessChart, circuit_drawing, faithfulness_chart
from mi_checks.report.heatmap import HeatmapView, heatmap_view
from mi_checks.report.interval_charts import IntervalChart, interval_chart
from mi_checks.report.prompt_pairs import PromptPairView, prompt_pair_view
from mi_checks.results.evidence import Evidence
from mi_checks.results.run import BASELINE, CheckResult, FileLine, MutantsResult
from mi_checks.spec.scoring import score_name
from mi_checks.stats.sampling import SamplingDesign


@dataclass(frozen=True)
class NegativeControl:
    """A model in which the behaviour is declared absent, with the effect measured on it."""

    anchor: str
    model: str
    verdict: VerdictLabel
    effect: str


def negative_controls(behaviour: BehaviourResults) -> tuple[NegativeControl, ...]:
    """Return every model of the run in which the behaviour is declared absent."""
    return tuple(
        NegativeControl(model.anchor, model.model, model.verdict, _effect(model.evidence))
        for model in behaviour.models
        if model.absent
    )


def corrupt_score(evidence: Evidence) -> str:
    """Return the mean score on the corrupt prompts as text, or the scores of the examples if a run has only these."""
    if evidence.effect.against == "corrupt":  # the effect is clean − corrupt, on the same prompts
        return numbers.number(evidence.logit_diff.value - evidence.effect.estimate.value)
    if evidence.effect_sizes:
        return numbers.number(evidence.logit_diff.value - fmean(evidence.effect_sizes))
    values = [numbers.number(example.corrupt_logit_diff) for example in evidence.examples]
    return f"{', '.join(values)} (first {numbers.count(len(values), 'prompt pair')})" if values else ""


def _effect(evidence: Evidence | None) -> str:
    if evidence is None:
        return "not measured"
    measured = evidence.effect.estimate
    return numbers.estimate_text(measured)


@dataclass(frozen=True)
class CheckRow:
    """One check. `line` is the line of its claim in the YAML shown above, or 0 if that is unknown."""

    anchor: str
    result: CheckResult
    verdict: VerdictLabel
    value: str
    interval: str
    line: int
    mutants: MutantsResult | None
    design: SamplingDesign | None = None

    @property
    def claim(self) -> str:
        """Return the claim in words; of a comparison with a reference model, its verdict."""
        claim = self.result.claim
        if self.result.verdict and claim is not None and claim.against:
            return f"{self.result.verdict}, against {claim.against}"
        return claim_text(claim)

    @property
    def parts(self) -> str:
        """Return a fraction's numerator and denominator, such as `0.57 of 12.94 logits`; "" for other estimates."""
        parts = self.result.parts
        if parts is None or parts.numerator is None:
            return ""
        denominator = parts.denominator
        return f"{numbers.value(parts.numerator)} of {numbers.value(denominator)} {denominator.unit}"

    @property
    def basis(self) -> str:
        """Return the deciding node and how the claim was tested, or "" if neither is known."""
        deciding = f"decided by {self.result.deciding}" if self.result.deciding else ""
        return "; ".join(filter(None, (deciding, self.result.detail)))

    @cached_property
    def chart(self) -> IntervalChart | None:
        """Return the interval chart, which is laid out only where it is drawn."""
        return interval_chart(self.result, self.design)

    @property
    def measures_number(self) -> bool:
        """Return whether the check measures a number, which a comparison (baseline, reference model, lock) does not."""
        return self.result.kind not in NO_CHECKS

    @property
    def mutants_killed(self) -> str:
        """Return text such as `5 of 5 killed`, or "" if there were no mutants."""
        if self.mutants is None or not self.mutants.mutants:
            return ""
        total = len(self.mutants.mutants)
        return f"{total - len(self.mutants.survivors)} of {numbers.count(total, 'mutant')} killed"


@dataclass(frozen=True)
class ModelSection:
    """The measurements on one model."""

    results: ModelResults
    effect: str
    score: str  # the name of what is measured on each prompt, such as the logit difference
    logit_diff: str
    corrupt: str
    checks: tuple[CheckRow, ...]
    shows_unit: bool = False  # whether what its samples are over differs between models

    @property
    def anchor(self) -> str:
        """Return the anchor of the section, or of the group of rows that replaces it."""
        return self.results.anchor

    @property
    def sample(self) -> str:
        """Return what the prompts are over, after their number; "" if the behaviour says so, or they share no rows."""
        if self.results.evidence is None or not self.shows_unit:
            return ""
        design = self.results.evidence.effect.design
        return unit_text(design).removeprefix(f"over {numbers.count(design.n, 'prompt')}").removeprefix(", ")

    @property
    def worst_rows(self) -> tuple[str, ...]:
        """Return the row of each fixed factor on which the effect is farthest on the wrong side, in words."""
        if self.results.evidence is None:
            return ()
        effect = self.results.evidence.effect
        bounded_above = all(each.at_least is None for each in effect.preferences) and bool(effect.preferences)
        high_is_worse = bounded_above != self.results.absent
        found = worst_rows(effect.per_prompt, effect.design, high_is_worse=high_is_worse)
        return tuple(each.text for each in found)

    @property
    def omitted(self) -> tuple[str, ...]:
        """Return sentences about what could not be measured for the report."""
        return self.results.evidence.omitted if self.results.evidence else ()

    @cached_property
    def heatmaps(self) -> tuple[HeatmapView, ...]:
        """Return the heat maps, which are laid out only where they are drawn."""
        return (
            tuple(heatmap_view(heatmap) for heatmap in self.results.evidence.heatmaps) if self.results.evidence else ()
        )

    @cached_property
    def circuit(self) -> CircuitDrawing | None:
        """Return the drawing of the circuit, which is laid out only where it is drawn."""
        circuit = self.results.evidence.circuit if self.results.evidence else None
        title = f"Circuit of {self.results.behaviour} on {self.results.model}"
        return circuit_drawing(circuit, title, f"{self.anchor}g") if circuit else None

    def cards(self, *, all_tokens: bool) -> tuple[NodeCardView, ...]:
        """Return the cards of the circuit's nodes, with the attention of all tokens or of only the last one."""
        evidence = self.results.evidence
        return (
            node_card_views(evidence.circuit, evidence.examples, all_tokens=all_tokens)
            if evidence and evidence.circuit
            else ()
        )

    @cached_property
    def curves(self) -> tuple[FaithfulnessChart, ...]:
        """Return the faithfulness curves, which are laid out only where they are drawn."""
        model = self.results
        of = f" of {model.behaviour} on {model.model}"
        return tuple(faithfulness_chart(curve, of) for curve in model.evidence.curves) if model.evidence else ()

    @cached_property
    def examples(self) -> tuple[PromptPairView, ...]:
        """Return the example prompts, which are laid out only where they are drawn."""
        evidence = self.results.evidence
        return tuple(prompt_pair_view(example, evidence) for example in evidence.examples) if evidence else ()


@dataclass(frozen=True)
class BehaviourClaim:
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
    unit: str  # what its samples are over, in words; "" if that differs between models
    source: str
    link: str | None
    marks: tuple[str, ...]
    yaml_path: str
    yaml: tuple[str, ...]
    claims: dict[str, BehaviourClaim]  # by check
    negative_controls: tuple[NegativeControl, ...]
    models: tuple[ModelSection, ...]

    @cached_property
    def linked(self) -> frozenset[int]:
        """Return the numbers of the YAML lines that the page links to."""
        rows = (check.line for model in self.models for check in model.checks)
        return frozenset((*rows, *(claim.line for claim in self.claims.values())))


def behaviour_section(behaviour: BehaviourResults) -> BehaviourSection:
    """Build a behaviour's section."""
    evidence = next((model.evidence for model in behaviour.models if model.evidence), None)
    units = {unit_text(model.evidence.effect.design) for model in behaviour.models if model.evidence}
    return BehaviourSection(
        anchor=behaviour.anchor,
        name=behaviour.behaviour,
        summary=evidence.summary if evidence else "",
        unit=next(iter(units)) if len(units) == 1 else "",
        source=evidence.source if evidence else "",
        link=web_address(evidence.source) if evidence else None,
        marks=evidence.marks if evidence else (),
        yaml_path=evidence.yaml_path if evidence else "",
        yaml=_yaml_lines(evidence),
        claims=_claims((result for model in behaviour.models for result in model.checks), evidence),
        negative_controls=negative_controls(behaviour),
        models=tuple(_model(model, evidence, shows_unit=len(units) > 1) for model in behaviour.models),
    )


def _yaml_lines(evidence: Evidence | None) -> tuple[str, ...]:
    # Only \n ends a line here, as in an editor: splitlines() would also break at U+2028 and shift the line numbers.
    return tuple(evidence.yaml.rstrip("\n").split("\n")) if evidence else ()


def _claims(results: Iterable[CheckResult], source: Evidence | None) -> dict[str, BehaviourClaim]:
    by_check: dict[str, Counter[tuple[str, str, int]]] = {}
    for result in results:
        if result.claim and (result.kind not in NO_CHECKS or result.kind == BASELINE):
            unit = result.estimate.unit if result.estimate else ""
            claim = (claim_text(result.claim), unit, _yaml_line_number(result.place, source))
            by_check.setdefault(result.check, Counter())[claim] += 1
    return {check: BehaviourClaim(check, *claim.most_common(1)[0][0]) for check, claim in by_check.items()}


def _model(model: ModelResults, source: Evidence | None, *, shows_unit: bool) -> ModelSection:
    evidence = model.evidence
    measured = evidence.logit_diff if evidence else None
    effect = evidence.effect.estimate if evidence else None
    return ModelSection(
        results=model,
        effect=f"{numbers.estimate_text(effect)} {effect.unit}" if effect else "",
        score=score_name(evidence.score) if evidence else "",
        logit_diff=numbers.estimate_text(measured) if measured else "",
        corrupt=corrupt_score(evidence) if evidence else "",
        checks=tuple(_check(model, index, source) for index in range(len(model.checks))),
        shows_unit=shows_unit,
    )


def _check(model: ModelResults, index: int, source: Evidence | None) -> CheckRow:
    result = model.checks[index]
    estimate = result.estimate
    return CheckRow(
        anchor=model.check_anchor(index),
        result=result,
        verdict=verdict_label(result.outcome, model.absent, is_drift(result), result.is_as_declared),
        value=numbers.value(estimate) if estimate else "",
        interval=numbers.interval(estimate) if estimate else "",
        line=_yaml_line_number(result.place, source),
        mutants=model.mutants.get(result.check),
        design=model.evidence.effect.design if model.evidence else None,
    )


def _yaml_line_number(place: FileLine, source: Evidence | None) -> int:
    """Return the line number of a place if that line is in the displayed file, otherwise 0."""
    if source is None or PurePath(place.file).name != PurePath(source.yaml_path).name:
        return 0
    return place.line if 0 < place.line <= len(_yaml_lines(source)) else 0
