"""Parent files (`extends`) and cases (`cases`): data laid over other data, with the position of every key."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import Bound, Check
from mi_checks.spec.check_refs import checks_with_paths
from mi_checks.spec.deprecated_names import with_current_names
from mi_checks.spec.problems import Keys, SpecError, SpecProblem, comma_list, describe, dotted
from mi_checks.spec.variables import VARIABLE_SOURCES
from mi_checks.spec.yaml_source import Position, YamlSource, missing_file_message, parse_yaml, read_text, resolve_beside

# Merged key by key.
PATHS_MERGED_BY_KEY: frozenset[Keys] = frozenset({(), ("prompts",), ("prompts", "variables"), ("models",)})


def overlay(parent: YamlSource, child: YamlSource) -> YamlSource:
    """Return the data of `parent` overridden by those of `child`; messages show the path of `child`.

    The top level, `prompts`, `prompts.variables` and `models` are merged key by key, and so is a variable to which
    `child` gives no source of values. Everything else is replaced as a whole.
    """
    replaced: set[Keys] = set()
    data = _merge((), parent.data, child.data, replaced)
    elsewhere = parent.display_path if parent.display_path != child.display_path else ""
    return YamlSource(
        child.display_path,
        data,
        _not_replaced(parent.keys, replaced, elsewhere) | dict(child.keys),
        _not_replaced(parent.values, replaced, elsewhere) | dict(child.values),
        {**child.files, **_unknown_files(parent.files, child.files)},
    )


def _merge(path: Keys, parent: Any, child: Any, replaced: set[Keys]) -> Any:
    if (
        not isinstance(parent, dict)
        or not isinstance(child, dict)
        or not (path in PATHS_MERGED_BY_KEY or _adjusts_variable(path, child))
    ):
        replaced.add(path)
        return child
    result = dict(parent)
    for key, value in child.items():
        result[key] = _merge((*path, key), parent[key], value, replaced) if key in parent else value
    return result


def _adjusts_variable(path: Keys, child: dict[str, Any]) -> bool:
    return (
        len(path) == 3
        and path[:2] == ("prompts", "variables")
        and not any(source in child for source in VARIABLE_SOURCES)
    )


def _not_replaced(positions: Mapping[Keys, Position], replaced: set[Keys], elsewhere: str) -> dict[Keys, Position]:
    return {
        path: position._replace(file=position.file or elsewhere)
        for path, position in positions.items()
        if not any(path[:length] in replaced for length in range(len(path) + 1))
    }


def _unknown_files(files: Mapping[str, Path], known: Mapping[str, Path]) -> dict[str, Path]:
    return {shown: path for shown, path in files.items() if shown not in known}


PARENT_FILE_SUFFIXES = (".yaml", ".yml")
_EXTENDS = ("extends",)
_NOT_INHERITED = ("name", "extends")


def with_parent_files(source: YamlSource, path: Path, text: str) -> tuple[YamlSource, str]:
    """Return a file's data merged over those of its parent files, and the texts of all files, the file's own first.

    Raises:
        SpecError: a parent file does not exist, is not a YAML mapping, or extends a file that extends it.
        MiChecksError: a parent file cannot be read.
    """
    chain = [(source, path)]
    texts = [text]
    while "extends" in chain[-1][0].data:
        below, owner = chain[-1]
        parent = _parent_path(below, owner)
        shown = (Path(below.display_path).parent / below.data["extends"]).as_posix()
        if any(parent.resolve() == known.resolve() for _, known in chain):
            files = [repr(known.name) for _, known in chain] + [repr(parent.name)]
            cycle = f"{files[0]} extends {', which extends '.join(files[1:])}"
            raise SpecError([below.problem(_EXTENDS, f"a file cannot extend itself: {cycle}")])
        texts.append(read_text(parent, shown))
        chain.append((with_current_names(parse_yaml(texts[-1], shown, parent)), parent))
    merged = _inheritable(chain[-1][0]) if len(chain) > 1 else source
    for over, _ in reversed(chain[:-1]):
        merged = overlay(merged, over if over is source else _inheritable(over))
    names = [f"# {parent.display_path}, which it extends:\n" for parent, _ in chain[1:]]
    whole = texts[0] + "".join(f"\n{name}{parent_text}" for name, parent_text in zip(names, texts[1:], strict=True))
    return merged, whole


def _parent_path(source: YamlSource, path: Path) -> Path:
    name = source.data["extends"]
    if not isinstance(name, str) or not name:
        message = f"'extends' must be the name of a file, not {describe(name) if name != '' else 'an empty text'}"
        raise SpecError([source.problem(_EXTENDS, message)])
    parent = resolve_beside(path, name)
    if isinstance(parent, Path) and parent.suffix not in PARENT_FILE_SUFFIXES:
        parent = f"{name!r} is not a behaviour file; its name must end with {' or '.join(PARENT_FILE_SUFFIXES)}"
    elif isinstance(parent, Path) and not os.path.isfile(parent):
        parent = missing_file_message(parent, name)
    if isinstance(parent, str):
        raise SpecError([source.problem(_EXTENDS, parent)])
    return parent


def _inheritable(parent: YamlSource) -> YamlSource:
    """Return what other files inherit from a parent file: everything except its name and its own `extends`."""
    data = {key: value for key, value in parent.data.items() if key not in _NOT_INHERITED}
    keys, values = (
        {path: position for path, position in positions.items() if path[:1] not in {(own,) for own in _NOT_INHERITED}}
        for positions in (parent.keys, parent.values)
    )
    return YamlSource(parent.display_path, data, keys, values, parent.files)


# The keys of a case that are laid over the file, each with the place in the behaviour that it overrides.
_CASE_KEYS: dict[str, Keys] = {"summary": ("summary",), "variables": ("prompts", "variables"), "models": ("models",)}


def case_names(source: YamlSource) -> tuple[str, ...]:
    """Return the names of the cases, in the file's order; a file without `cases` has none."""
    table = source.data.get("cases")
    return tuple(table) if isinstance(table, dict) else ()


def case_source(source: YamlSource, case: str) -> YamlSource:
    """Return the file's data and positions as if the file had been written for one of its cases alone."""
    plain = {key: value for key, value in source.data.items() if key != "cases"}
    file_alone = YamlSource(source.display_path, plain, source.keys, source.values, source.files)
    case_data: dict[str, Any] = source.data["cases"][case]
    data: dict[str, Any] = {}
    keys: dict[Keys, Position] = {}
    values: dict[Keys, Position] = {}
    for name, place in _CASE_KEYS.items():
        if name in case_data:
            owner = data
            for key in place[:-1]:
                owner = owner.setdefault(str(key), {})
            owner[str(place[-1])] = case_data[name]
            origin = ("cases", case, name)
            # If the file and the case both have this mapping, a missing key is reported at the file's mapping.
            keys |= _positions_moved(source.keys, origin, place)
            values |= _positions_moved(source.values, origin, place)
    return overlay(file_alone, YamlSource(source.display_path, data, keys, values, source.files))


def _positions_moved(positions: Mapping[Keys, Position], origin: Keys, place: Keys) -> dict[Keys, Position]:
    size = len(origin)
    return {
        (*place, *path[size:]): position
        for path, position in positions.items()
        if path[:size] == origin and (len(path) > size or place == ("summary",))
    }


def for_case(behaviour: Behaviour, case: str, bounds: Mapping[str, Bound]) -> Behaviour:
    """Return a case's behaviour with the case's own name and bounds."""
    checks = tuple(
        entry.model_copy(update={entry.check.key(): entry.check.with_bounds(bounds)})
        if any(part.id in bounds for part in entry.check.parts)
        else entry
        for entry in behaviour.checks
    )
    roles = {
        check.name: check.with_bounds(bounds).role if check.id in bounds else check.role
        for check in behaviour.role_checks
    }
    return behaviour.model_copy(update={"name": f"{behaviour.name}[{case}]", "checks": checks, "roles": roles})


def bound_problems(
    source: YamlSource, behaviour: Behaviour, case: str, bounds: Mapping[str, Bound]
) -> Iterator[SpecProblem]:
    """Yield the bounds of a case that name no check, a check without a bound, or a bound that makes no sense."""
    placed: list[Check] = [check for _, check in checks_with_paths(behaviour)]
    checks = {check.id: check for check in (*placed, *behaviour.role_checks)}
    bounded = tuple(id_ for id_, check in checks.items() if check.bound is not None)
    place: Keys = ("cases", case, "bounds")
    message: str | None
    for id_, bound in bounds.items():
        if id_ in checks and id_ not in bounded:
            message = f"the check {id_!r} has no bound that a case could override"
        elif id_ not in checks:
            message = f"unknown check {id_!r} in {dotted(place)!r}; valid ids: {comma_list(bounded)}"
            message += did_you_mean(id_, bounded)
        else:
            message = checks[id_].bound_problem(bound)
        if message is not None:
            yield source.problem((*place, id_), message, of_key=True)
