"""Two runs → the pairs of checks to compare, and the settings in which the runs differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from mi_checks.results.build import ItemId, check_result
from mi_checks.results.evidence import Effect, Evidence
from mi_checks.results.run import CheckResult, Run

HASH_CHARACTERS = 12  # of a hash that are shown
EFFECT = "effect"  # the id under which the effects of two models are compared if they share no check


@dataclass(frozen=True)
class CheckPair:
    """A check in both runs, or in one of them."""

    before: CheckResult | None
    after: CheckResult | None

    @property
    def either(self) -> CheckResult:
        """The later result if there is one, otherwise the earlier."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a pair needs at least one result")
        return found


def check_pairs(before: Run, after: Run) -> tuple[CheckPair, ...]:
    """Pair the checks of two runs by behaviour, model and check.

    If each run has one model and the two differ, they are paired across the models. Skipped checks are left out. If two
    models share no check of a behaviour (one is declared to lack it), its effect on them is compared instead.
    """
    across = two_models(before, after) is not None
    first, second = (_by_key(run, across=across) for run in (before, after))
    found = [CheckPair(first.get(key), second.get(key)) for key in dict.fromkeys([*first, *second])]
    shared = {key[:2] for key in first.keys() & second.keys()}
    effects = [{run_key(e.effect, across=across): e.effect for e in run.evidence} for run in (before, after)]
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
    return {(*run_key(r, across=across), r.check): r for r in run.results if r.outcome != "skipped"}


def run_key(measured: CheckResult | Effect | Evidence, *, across: bool) -> tuple[str, str]:
    """Return the key by which two runs are paired; without the model where it differs between them."""
    return measured.behaviour, "" if across else measured.model


def _as_result(effect: Effect) -> CheckResult:
    identity = ItemId(effect.behaviour, effect.model, EFFECT, f"{EFFECT} against {effect.against}")
    result = check_result(identity, effect.outcome, estimate=effect.estimate)
    return replace(result, per_prompt=effect.per_prompt, prompts_sha256=effect.prompts_sha256)


def differing_settings(before: Run, after: Run) -> tuple[tuple[str, str, str], ...]:
    """Return what differs, before and after: provenance of models, then versions, then settings."""
    between = two_models(before, after)
    found = [("model", *between)] if between else []
    shared = [between] if between else [(name, name) for name in before.models if name in after.models]
    for first, second in shared:
        name = "" if between else f"{first} "
        sides = [_without_said_step(side) for side in (before.models.get(first, {}), after.models.get(second, {}))]
        found += _differing(name, *sides)
    found += _differing("", before.versions, after.versions)
    return (*found, *_differing("", before.settings, after.settings))


def _without_said_step(model: Mapping[str, str]) -> dict[str, str]:
    """Return a model's provenance without its training step if the revision says it too."""
    said = model.get("revision") == f"checkpoint {model.get('step')}"
    return {key: value for key, value in model.items() if key != "step" or not said}


def _differing(name: str, first: Mapping[str, str], second: Mapping[str, str]) -> list[tuple[str, str, str]]:
    keys = dict.fromkeys([*first, *second])
    return [
        (f"{name}{key}", *(_short(key, side.get(key, "none")) for side in (first, second)))  # type: ignore[misc]
        for key in keys
        if first.get(key) != second.get(key)
    ]


def _short(key: str, value: str) -> str:
    return value[:HASH_CHARACTERS] if key.endswith("sha256") else value
