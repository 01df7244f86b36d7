"""The effect of a behaviour on a model: the value of its first `logit_diff`, without its bound."""

from __future__ import annotations

from typing import Literal

from mi_checks.checks.dispatch import run_check
from mi_checks.checks.logit_diff import absence_checks, check_absent, effect_per_prompt
from mi_checks.checks.measurements import Measurements
from mi_checks.checks.verdict import Verdict
from mi_checks.results.evidence import Ability, Architecture, Effect, Preference
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.behaviour_checks import LogitDiffCheck
from mi_checks.spec.check import Check
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import Outcome
from mi_checks.stats.intervals import mean_interval


def against(behaviour: Behaviour) -> Literal["foils", "corrupt"]:
    """Return the reference of the effect: that of the first `logit_diff` or, without one, of the first check."""
    checks = absence_checks(behaviour)
    first = next((check for check in checks if isinstance(check, LogitDiffCheck)), next(iter(checks), None))
    return "corrupt" if getattr(first, "against", "foils") == "corrupt" else "foils"


def effect(measured: Measurements) -> Effect:
    """Measure the effect; if a behaviour has several `logit_diff`, that of the first, on every model."""
    behaviour, loaded_model = measured.behaviour, measured.loaded_model
    rival = against(behaviour)
    values = measured.floor.without_rounding(effect_per_prompt(rival, measured.unpatched))
    is_absent = behaviour.is_absent(loaded_model.name)
    verdicts = _verdicts(measured)
    outcomes = {verdict.outcome for _, verdict in verdicts}
    step = loaded_model.provenance.step
    return Effect(
        behaviour=behaviour.name,
        model=loaded_model.name,
        architecture=Architecture(loaded_model.kind, loaded_model.shape.n_layers, loaded_model.shape.n_heads),
        checkpoint=f"checkpoint {step}" if step else "",
        declared="absent" if is_absent else "present" if loaded_model.name in behaviour.models else "not named",
        against=rival,
        estimate=mean_interval(
            values, score_unit(measured.batch.score), measured.design, floor=measured.floor, cache=measured.intervals
        ),
        per_prompt=tuple(values.tolist()),
        prompts_sha256=measured.batch.sha256,
        preferences=tuple(
            Preference(check.id, verdict.estimate, verdict.bound.at_least, verdict.bound.at_most)
            for check, verdict in verdicts
            if verdict.estimate is not None
        ),
        ability=_ability(outcomes),
        factors=measured.batch.factors,
        outcome=check_absent(measured).outcome if is_absent and outcomes else _worst(outcomes),
    )


def _verdicts(measured: Measurements) -> list[tuple[Check, Verdict]]:
    """Return the verdict of every behavioural check that runs on this model."""
    behaviour, name = measured.behaviour, measured.loaded_model.name
    return [
        (check, run_check(check, measured))
        for check in absence_checks(behaviour)
        if behaviour.claims(check, name) or behaviour.is_absent(name)
    ]


def _ability(outcomes: set[Outcome]) -> Ability:
    if outcomes == {"pass"}:
        return "can"
    if outcomes == {"fail"}:
        return "cannot"
    return "in part" if outcomes == {"pass", "fail"} else "inconclusive"


def _worst(outcomes: set[Outcome]) -> Outcome:
    if not outcomes:
        return "skipped"  # the behaviour has only checks of nodes
    return "fail" if "fail" in outcomes else "pass" if outcomes == {"pass"} else "inconclusive"
