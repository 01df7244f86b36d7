"""The fields of variables whose values are mappings."""

from __future__ import annotations

from mi_checks.errors import did_you_mean
from mi_checks.spec.variables import AnyVariable, FromValues
from mi_checks.spec.words import listed


def fields_of(variable: AnyVariable) -> tuple[str, ...]:
    """Return the fields of a row variable (those of its first row), or an empty tuple if its values are plain."""
    first = variable.values[0] if isinstance(variable, FromValues) else ""
    return tuple(first) if isinstance(first, dict) else ()


def value_problem(name: str, field: str | None, variables: dict[str, AnyVariable]) -> str | None:
    """Return why `name` or `name.field` does not give a text, or None if it does."""
    if name not in variables:
        return f"unknown variable {name!r}; variables: {listed(variables) or 'none'}{did_you_mean(name, variables)}"
    fields = fields_of(variables[name])
    if field is None:
        return f"{name!r} has fields; name one of them: {listed(f'{name}.{f}' for f in fields)}" if fields else None
    if not fields:
        return f"{name!r} has no fields, so {name + '.' + field!r} is nothing; write {name!r}"
    if field not in fields:
        return f"{name!r} has no field {field!r}; fields: {listed(fields)}{did_you_mean(field, fields)}"
    return None
