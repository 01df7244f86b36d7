"""The table `cases`: each case is one behaviour, made by laying the case's own keys over the file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.bound import Bound
from mi_checks.spec.check import Check
from mi_checks.spec.check_refs import placed_checks
from mi_checks.spec.overlay import overlaid
from mi_checks.spec.problems import Problem
from mi_checks.spec.words import dotted, listed
from mi_checks.spec.yaml_source import Keys, Position, YamlSource

# The keys of a case that are laid over the file, each with the place in the behaviour that it overrides.
_PLACES: dict[str, Keys] = {"summary": ("summary",), "variables": ("prompts", "variables"), "models": ("models",)}


def cases_of(source: YamlSource) -> tuple[str, ...]:
    """Return the names of the cases, in the file's order; a file without `cases` has none."""
    table = source.data.get("cases")
    return tuple(table) if isinstance(table, dict) else ()


def case_source(source: YamlSource, case: str) -> YamlSource:
    """Return the file's data and positions as if the file had been written for one of its cases alone."""
    plain = {key: value for key, value in source.data.items() if key != "cases"}
    base = YamlSource(source.shown, plain, source.keys, source.values, source.files)
    case_data: dict[str, Any] = source.data["cases"][case]
    data: dict[str, Any] = {}
    keys: dict[Keys, Position] = {}
    values: dict[Keys, Position] = {}
    for name, place in _PLACES.items():
        if name in case_data:
            owner = data
            for key in place[:-1]:
                owner = owner.setdefault(str(key), {})
            owner[str(place[-1])] = case_data[name]
            origin = ("cases", case, name)
            # If the file and the case both have this mapping, a missing key is reported at the file's mapping.
            keys |= _moved(source.keys, origin, place)
            values |= _moved(source.values, origin, place)
    return overlaid(base, YamlSource(source.shown, data, keys, values, source.files))


def _moved(positions: Mapping[Keys, Position], origin: Keys, place: Keys) -> dict[Keys, Position]:
    size = len(origin)
    return {
        (*place, *path[size:]): position
        for path, position in positions.items()
        if path[:size] == origin and (len(path) > size or place == ("summary",))
    }


def for_case(behaviour: Behaviour, case: str, bounds: Mapping[str, Bound]) -> Behaviour:
    """Return a case's behaviour with the case's own name and bounds."""
    checks = tuple(
        entry.model_copy(update={entry.check.kind: entry.check.held_to(bounds)})
        if any(part.id in bounds for part in entry.check.parts)
        else entry
        for entry in behaviour.checks
    )
    roles = {
        check.name: check.held_to(bounds).role if check.id in bounds else check.role for check in behaviour.role_checks
    }
    return behaviour.model_copy(update={"name": f"{behaviour.name}[{case}]", "checks": checks, "roles": roles})


def bound_problems(
    source: YamlSource, behaviour: Behaviour, case: str, bounds: Mapping[str, Bound]
) -> Iterator[Problem]:
    """Yield the bounds of a case that name no check, a check without a bound, or a bound that makes no sense."""
    placed: list[Check] = [check for _, check in placed_checks(behaviour)]
    checks = {check.id: check for check in (*placed, *behaviour.role_checks)}
    bounded = tuple(id_ for id_, check in checks.items() if check.bound is not None)
    place: Keys = ("cases", case, "bounds")
    message: str | None
    for id_, bound in bounds.items():
        if id_ in checks and id_ not in bounded:
            message = f"the check {id_!r} has no bound that a case could override"
        elif id_ not in checks:
            message = f"unknown check {id_!r} in {dotted(place)!r}; valid ids: {listed(bounded)}"
            message += did_you_mean(id_, bounded)
        else:
            message = checks[id_].senseless(bound)
        if message is not None:
            yield source.problem((*place, id_), message, of_key=True)
