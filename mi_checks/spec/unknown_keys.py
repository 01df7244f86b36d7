"""Messages for keys that are not in the grammar, with the valid keys and the one that was probably meant."""

from __future__ import annotations

import difflib
from typing import Any

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import CHECKS, Behaviour, Case, CheckEntry, Prompts
from mi_checks.spec.bound import Bound
from mi_checks.spec.part import Part
from mi_checks.spec.path_checks import Hop
from mi_checks.spec.quotes import Quote, QuotedPrompts
from mi_checks.spec.roles import Role, RoleCheck
from mi_checks.spec.variables import SOURCES, VARIABLES
from mi_checks.spec.words import dotted, listed
from mi_checks.spec.yaml_source import Keys


def unknown_key(path: Keys, data: Any) -> str:
    """Return the message for a key that is not in the grammar."""
    key, owner = str(path[-1]), path[:-1]
    if len(owner) == 2 and owner[0] == "checks":
        return f"unknown check {key!r}; checks are: {listed(CHECKS)}{did_you_mean(key, CHECKS)}"
    if _is_quote(path):
        return f"YAML takes the ': ' after {key!r} for that of a key; put quotes around the whole text"
    if len(owner) == 3 and owner[:2] == ("prompts", "variables") and key in SOURCES:
        kinds = [source for source in SOURCES if source in _at(data, owner)]
        return f"{dotted(owner)!r} has {' and '.join(map(repr, kinds))}; a variable takes its values from one"
    valid = valid_keys(path, data)
    inside = f" in {dotted(owner)!r}" if owner else ""
    also = ("quotes",) if owner == ("prompts",) else ()  # the key that marks the other kind of prompts
    return f"unknown key {key!r}{inside}; valid keys: {listed(valid)}{did_you_mean(key, [*valid, *also])}"


def _is_quote(path: Keys) -> bool:
    """Return whether the key is really the beginning of an unquoted text: `The [[noun: key|keys]]`."""
    return path[:2] == ("prompts", "quotes") and len(path) == 4 and "[[" in str(path[-1])


def is_override(key: str) -> bool:
    """Return whether a key under a model looks like a check's id."""
    return key.split("[")[0] in (*CHECKS, RoleCheck.kind)


def unknown_override(model: str, key: str, ids: tuple[str, ...]) -> str:
    """Return the message for a key under a model that is neither `nodes`, `checks`, `count` nor a check's id."""
    valid = f"nodes, checks, count, {listed(ids)}" if ids else "nodes, checks, count, and the ids of checks"
    hint = did_you_mean(key, ("nodes", "checks", "count", *(ids or CHECKS)))
    return f"unknown key {key!r} in {dotted(('models', model))!r}; valid keys: {valid}{hint}"


def suggestion(path: Keys, data: Any) -> str | None:
    """Return the key that an unknown one was probably meant to be, or None."""
    if _is_quote(path):
        return "text"
    near = difflib.get_close_matches(str(path[-1]), valid_keys(path, data), n=1, cutoff=0.6)
    return near[0] if near else None


def valid_keys(path: Keys, data: Any) -> list[str]:
    """Return the keys that may stand where `path` ends, sorted."""
    part = _part(path[:-1], data)
    return sorted(field.alias or name for name, field in part.model_fields.items())


def _part(owner: Keys, data: Any) -> type[Part]:
    """Return the part of the grammar that describes the mapping at a place.

    It is called only for mappings that refuse unknown keys.
    """
    match owner:
        case ():
            return Behaviour
        case ("prompts",):
            return QuotedPrompts if "quotes" in data["prompts"] else Prompts
        case ("prompts", "quotes", _):
            return Quote
        case ("prompts", "variables", _):
            return next(part for source, part in VARIABLES.items() if source in _at(data, owner))
        case ("cases", _):
            return Case
        case ("checks", _):
            return CheckEntry
        case ("checks", _, str(kind)):
            return CHECKS[kind]
        case ("checks", _, _, "through", _):
            return Hop
        case ("roles", _):
            return Role
        case _:
            return Bound  # a check's `recovers` or `removes`, or a model's override


def _at(data: Any, path: Keys) -> Any:
    for key in path:
        data = data[key]
    return data
