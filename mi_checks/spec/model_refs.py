"""Validation of the entries of `models`: their bounds must be for checks that exist."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import Behaviour, ModelEntry
from mi_checks.spec.check import Check
from mi_checks.spec.problems import Problem
from mi_checks.spec.unknown_keys import unknown_override
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import YamlSource


def model_problems(source: YamlSource, behaviour: Behaviour) -> Iterator[Problem]:
    """Yield the mistakes in the entries of `models`, except those in their node sets."""
    checks: dict[str, Check] = {check.id: check for check in _all(behaviour)}
    bounded = tuple(id_ for id_, check in checks.items() if check.bound is not None)
    message: str | None
    for model, entry in behaviour.models.items():
        if not isinstance(entry, ModelEntry):
            continue
        applying = (*behaviour.checks_for(model), *behaviour.role_checks)
        if not behaviour.checks_for(model):
            message = f"no check is for {model!r}, so nothing would be tested; remove it or widen a check's 'models'"
            yield source.problem(("models", model), message, of_key=True)
        for index, key in enumerate(entry.checks or ()):
            if key not in checks:
                message = f"unknown check {key!r}; checks: {listed(checks)}{did_you_mean(key, checks)}"
                yield source.problem(("models", model, "checks", index), message)
        for key, bound in entry.bounds.items():
            if key not in checks:
                message = unknown_override(model, key, bounded)
            elif key not in bounded:
                message = f"the check {key!r} has no bound that a model could override"
            elif checks[key] not in applying:
                message = (
                    f"the check {key!r} is not for {model!r}: its 'models', or this entry's 'checks', leaves it out"
                )
            else:
                message = checks[key].senseless(bound)
            if message is not None:
                yield source.problem(("models", model, key), message, of_key=True)


def _all(behaviour: Behaviour) -> Iterator[Check]:
    for entry in behaviour.checks:
        yield from entry.check.parts
    yield from behaviour.role_checks
