"""Dicts and lists that crossed a process boundary → records; the inverse of `as_data`."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from pydantic import TypeAdapter

from mi_checks.results.evidence import Evidence
from mi_checks.results.run import CheckResult, Lint, ModelGuards, MutantsResult


def result_from_dict(data: dict[str, Any]) -> CheckResult:
    """Return the result that `dataclasses.asdict` was applied to."""
    return cast("CheckResult", _reader(CheckResult).validate_python(data))


def mutants_from_dict(data: dict[str, Any]) -> MutantsResult:
    """Return the mutants of a check that `dataclasses.asdict` was applied to."""
    return cast("MutantsResult", _reader(MutantsResult).validate_python(data))


def guards_from_dict(data: dict[str, Any]) -> ModelGuards:
    """Return the guards that `dataclasses.asdict` was applied to."""
    return cast("ModelGuards", _reader(ModelGuards).validate_python(data))


def evidence_from_dict(data: dict[str, Any]) -> Evidence:
    """Return the evidence that `dataclasses.asdict` was applied to."""
    return cast("Evidence", _reader(Evidence).validate_python(data))


def lint_from_dict(data: dict[str, Any]) -> Lint:
    """Return the lint that `dataclasses.asdict` was applied to."""
    return cast("Lint", _reader(Lint).validate_python(data))


@cache
def _reader(of: type) -> TypeAdapter[Any]:
    return TypeAdapter(of)
