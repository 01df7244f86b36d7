"""Pools that a project adds by the hook `pytest_mi_pools`: sorted, and each text once.

Values are drawn by their place. A set has another order in every process, and a list may have been made from one, so
that no order is taken as it comes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.spec.pools import pool_names
from mi_checks.spec.template import CLOSE, OPEN, SEP
from mi_checks.spec.words import describe
from mi_checks.spec.yaml_source import NO_TEXT

MAX_VALUES = 1_000_000  # of a pool; a generator may have no end


def user_pools(given: Iterable[Any], where: str) -> dict[str, tuple[str, ...]]:
    """Return the pools in what the hook's implementations returned, each sorted and without duplicates.

    Args:
        given: what each implementation returned.
        where: the files of the implementations, for errors.

    Raises:
        MiChecksError: something else was returned, or two pools have one name.
    """
    found: dict[str, tuple[str, ...]] = {}
    for pools in given:
        if not isinstance(pools, Mapping):
            raise _wrong(where, f"must return a dict of pools, not {_kind(pools)}")
        for name, values in pools.items():
            if not isinstance(name, str) or not name:
                raise _wrong(where, f"a pool's name must be text, not {name!r}")
            if name in pool_names():
                raise _wrong(where, f"the pool {name!r} comes with mi-checks; choose another name")
            if name in found:
                raise _wrong(where, f"the pool {name!r} is given twice; choose another name")
            found[name] = _values(name, values, where)
    return found


def _values(name: str, values: Any, where: str) -> tuple[str, ...]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise _wrong(where, f"the pool {name!r} must be a list, or another collection, of texts, not {_kind(values)}")
    texts = list(islice(values, MAX_VALUES + 1))
    if not texts:
        raise _wrong(where, f"the pool {name!r} is empty")
    if len(texts) > MAX_VALUES:
        raise _wrong(where, f"the pool {name!r} has more than {MAX_VALUES:,} values")
    for place, value in enumerate(texts):
        if not isinstance(value, str) or not value:
            what = "an empty text" if value == "" else _kind(value)
            raise _wrong(where, f"the pool {name!r} must hold texts, and item {place} is {what}")
        if any(mark in value for mark in (OPEN, SEP, CLOSE)):
            message = f"{value!r} in the pool {name!r} holds a character that mi-checks marks labels with"
            raise _wrong(where, f"{message} (U+E000 to U+E002)")
        if found := NO_TEXT.search(value):
            raise _wrong(
                where, f"{value!r} in the pool {name!r} holds U+{ord(found[0]):04X}, which cannot stand in text"
            )
    return tuple(sorted({str.__str__(value) for value in texts}))  # plain texts, whatever class they are of


def _kind(value: Any) -> str:
    if isinstance(value, str | bool | int | float | list | tuple) or value is None:
        return describe(value)
    return f"a {type(value).__name__}"


def _wrong(where: str, message: str) -> MiChecksError:
    return MiChecksError(f"pytest_mi_pools in {where}: {message}")
