"""Two runs → what of one is to be compared with what of the other."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mi_checks.results.build import ItemId, check_result
from mi_checks.results.evidence import Effect
from mi_checks.results.run import CheckResult, Run

EFFECT = "effect"  # stands for a check where two models are held to different ones


@dataclass(frozen=True)
class CheckPair:
    """A check in both runs, or in one of them."""

    before: CheckResult | None
    after: CheckResult | None

    @property
    def either(self) -> CheckResult:
        """Whichever there is, the later first."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a pair of nothing")
        return found


def pairs(before: Run, after: Run) -> tuple[CheckPair, ...]:
    """By behaviour, model and check; across the models where each run has one and they differ.

    What was skipped was not measured, and is as if it were not there. Where two models share no check of a behaviour
    (one is declared to lack it), its effect on them is compared instead.
    """
    across = two_models(before, after) is not None
    first, second = (_by_key(run, across=across) for run in (before, after))
    found = [CheckPair(first.get(key), second.get(key)) for key in dict.fromkeys([*first, *second])]
    shared = {key[:2] for key in first.keys() & second.keys()}
    effects = [{_key(e.effect, across=across): e.effect for e in run.evidence} for run in (before, after)]
    found += [
        CheckPair(_as_result(effect), _as_result(effects[1][key]))
        for key, effect in effects[0].items()
        if key in effects[1] and key not in shared
    ]
    return tuple(found)


def two_models(before: Run, after: Run) -> tuple[str, str] | None:
    """Return the two models if each run has exactly one and they differ."""
    first, second = ({result.model for result in run.results} for run in (before, after))
    return (*first, *second) if len(first) == len(second) == 1 and first != second else None  # type: ignore[return-value]


def _by_key(run: Run, *, across: bool) -> dict[tuple[str, str, str], CheckResult]:
    return {(*_key(r, across=across), r.check): r for r in run.results if r.outcome != "skipped"}


def _key(of: CheckResult | Effect, *, across: bool) -> tuple[str, str]:
    return of.behaviour, "" if across else of.model


def _as_result(effect: Effect) -> CheckResult:
    identity = ItemId(effect.behaviour, effect.model, EFFECT, f"{EFFECT} against {effect.against}")
    result = check_result(identity, effect.outcome, estimate=effect.estimate)
    return replace(result, per_prompt=effect.per_prompt, prompts_sha256=effect.prompts_sha256)
