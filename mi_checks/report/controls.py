"""The negative controls of a behaviour: models in which it is declared absent, and its corrupt prompts."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

from mi_checks.output import numbers
from mi_checks.report.by_behaviour import Group
from mi_checks.report.outcomes import Verdict
from mi_checks.results.evidence import Evidence


@dataclass(frozen=True)
class Absent:
    """A model in which the behaviour is declared absent, with the effect measured on it."""

    anchor: str
    model: str
    verdict: Verdict
    effect: str


def absents(group: Group) -> tuple[Absent, ...]:
    """Return every model of the run in which the behaviour is declared absent."""
    return tuple(
        Absent(pair.anchor, pair.model, pair.verdict, _effect(pair.evidence)) for pair in group.pairs if pair.absent
    )


def on_corrupt(evidence: Evidence) -> str:
    """Return the score on the corrupt prompts as text, as far as the run has it, and on which prompts."""
    if evidence.effect.against == "corrupt":  # the effect is clean − corrupt, on the same prompts
        rest = evidence.logit_diff.value - evidence.effect.estimate.value
        return f"{numbers.number(rest)} (mean of all)"
    if evidence.effect_sizes:
        rest = evidence.logit_diff.value - fmean(evidence.effect_sizes)
        return f"{numbers.number(rest)} (mean of all)"
    values = [numbers.number(example.corrupt_logit_diff) for example in evidence.examples]
    return f"{', '.join(values)} (of the first {numbers.count(len(values), 'pair')})" if values else ""


def _effect(evidence: Evidence | None) -> str:
    if evidence is None:
        return "not measured"
    measured = evidence.effect.estimate
    return numbers.estimate_text(measured)
