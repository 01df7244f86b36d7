"""The pools and scores that a project adds with the hooks of its conftest.py, validated.

The values of a pool are drawn by index. The order of a set differs between processes, and a list may have been made
from a set, so the pools are always sorted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from itertools import islice
from typing import Any

from mi_checks.errors import MiChecksError
from mi_checks.spec.problems import describe
from mi_checks.spec.scoring import SCORES
from mi_checks.spec.template import MARK_CLOSE, MARK_OPEN, MARK_SEPARATOR
from mi_checks.spec.variables import pool_names
from mi_checks.spec.yaml_source import NON_TEXT_CHARACTER

MAX_POOL_VALUES = 1_000_000  # in a pool; a generator may be infinite


def collect_pools(given: Iterable[Any], where: str) -> dict[str, tuple[str, ...]]:
    """Return the pools that the hook's implementations returned, each sorted and without duplicates.

    Args:
        given: the return value of each implementation.
        where: the files of the implementations, for errors.

    Raises:
        MiChecksError: a return value is not a dict of valid pools, or two pools have the same name.
    """
    all_pools: dict[str, tuple[str, ...]] = {}
    for pools in given:
        if not isinstance(pools, Mapping):
            raise _pool_error(where, f"must return a dict of pools, not {_type_description(pools)}")
        for name, values in pools.items():
            if not isinstance(name, str) or not name:
                raise _pool_error(where, f"a pool's name must be text, not {name!r}")
            if name in pool_names():
                raise _pool_error(where, f"the pool {name!r} is already part of mi-checks; choose another name")
            if name in all_pools:
                raise _pool_error(where, f"the pool {name!r} is defined twice; choose another name")
            all_pools[name] = _values(name, values, where)
    return all_pools


def _values(name: str, values: Any, where: str) -> tuple[str, ...]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise _pool_error(
            where, f"the pool {name!r} must be a list or another collection of texts, not {_type_description(values)}"
        )
    texts = list(islice(values, MAX_POOL_VALUES + 1))
    if not texts:
        raise _pool_error(where, f"the pool {name!r} is empty; give it at least one value")
    if len(texts) > MAX_POOL_VALUES:
        raise _pool_error(where, f"the pool {name!r} has more than {MAX_POOL_VALUES:,} values")
    for place, value in enumerate(texts):
        if not isinstance(value, str) or not value:
            what = "an empty text" if value == "" else _type_description(value)
            raise _pool_error(where, f"the pool {name!r} must contain only texts, but item {place} is {what}")
        if any(mark in value for mark in (MARK_OPEN, MARK_SEPARATOR, MARK_CLOSE)):
            message = f"{value!r} in the pool {name!r} contains a character that is reserved for labels"
            raise _pool_error(where, f"{message} (U+E000 to U+E002); remove it")
        if character := NON_TEXT_CHARACTER.search(value):
            raise _pool_error(
                where,
                f"{value!r} in the pool {name!r} contains U+{ord(character[0]):04X}, which is not allowed "
                "in text; remove it",
            )
    return tuple(sorted({str.__str__(value) for value in texts}))  # plain str, even if the values belong to a subclass


def _type_description(value: Any) -> str:
    if isinstance(value, str | bool | int | float | list | tuple) or value is None:
        return describe(value)
    return f"a {type(value).__name__}"


def _pool_error(where: str, message: str) -> MiChecksError:
    return MiChecksError(f"pytest_mi_pools in {where}: {message}")


def collect_scores(
    given: Iterable[Any], where: str, hook: str = "pytest_mi_scores", known: Collection[str] = SCORES
) -> dict[str, Callable[..., Any]]:
    """Return the scores that the hook's implementations returned, by name.

    Args:
        given: the return value of each implementation.
        where: the files of the implementations, for errors.
        hook: the hook's name, for errors.
        known: the names of the scores that come with mi-checks.

    Raises:
        MiChecksError: a return value is not a dict of functions, or two scores have the same name.
    """
    mistake = partial(_score_error, f"{hook} in {where}")
    all_scores: dict[str, Callable[..., Any]] = {}
    for scores in given:
        if not isinstance(scores, Mapping):
            raise mistake(f"must return a dict of functions, not a {type(scores).__name__}")
        for name, function in scores.items():
            if not isinstance(name, str) or not name:
                raise mistake(f"a score's name must be text, not {name!r}")
            if name in known:
                raise mistake(f"the score {name!r} is already part of mi-checks; choose another name")
            if name in all_scores:
                raise mistake(f"the score {name!r} is defined twice; choose another name")
            if not callable(function):
                raise mistake(f"the score {name!r} must be a function, not a {type(function).__name__}")
            all_scores[name] = function
    return all_scores


def _score_error(where: str, message: str) -> MiChecksError:
    return MiChecksError(f"{where}: {message}")
