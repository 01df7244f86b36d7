"""Records → dicts and lists, as `dataclasses.asdict` makes them, but without its deep copy of every number."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

LEAVES = (str, int, float, bool, type(None))


def as_data(value: Any) -> Any:
    """Dataclasses as dicts, tuples as lists; texts and numbers are themselves."""
    if isinstance(value, LEAVES):
        return value
    names = _names(type(value))  # type: ignore[arg-type]  # a class is hashable
    if names:
        return {name: as_data(getattr(value, name)) for name in names}
    if isinstance(value, dict):
        return {name: as_data(each) for name, each in value.items()}
    if isinstance(value[0] if value else "", LEAVES) and all(isinstance(each, LEAVES) for each in value):
        return list(value)
    return [as_data(each) for each in value]


@cache
def _names(of: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(of)) if is_dataclass(of) else ()
