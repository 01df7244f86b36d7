"""Keys the grammar does not know: which are valid at that place, and which was meant."""

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
    """The message for a key that is not in the grammar."""
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
    also = ("quotes",) if owner == ("prompts",) else ()  # the key by which the other kind of prompts is told
    return f"unknown key {key!r}{inside}; valid keys: {listed(valid)}{did_you_mean(key, [*valid, *also])}"


def _is_quote(path: Keys) -> bool:
    """Whether what stands there as a key is the beginning of a quote: `The [[noun: key|keys]]` without quotes."""
    return path[:2] == ("prompts", "quotes") and len(path) == 4 and "[[" in str(path[-1])


def is_override(key: str) -> bool:
    """Whether a key under a model looks like a check's id."""
    return key.split("[")[0] in (*CHECKS, RoleCheck.kind)


def unknown_override(model: str, key: str, ids: tuple[str, ...]) -> str:
    """The message for a key under a model that is neither `nodes` nor a check's id."""
    valid = f"nodes, checks, count, {listed(ids)}" if ids else "nodes, checks, count, and the ids of checks"
    hint = did_you_mean(key, ("nodes", "checks", "count", *(ids or CHECKS)))
    return f"unknown key {key!r} in {dotted(('models', model))!r}; valid keys: {valid}{hint}"


def suggestion(path: Keys, data: Any) -> str | None:
    """The key that an unknown one was probably meant to be."""
    if _is_quote(path):
        return "text"
    near = difflib.get_close_matches(str(path[-1]), valid_keys(path, data), n=1, cutoff=0.6)
    return near[0] if near else None


def valid_keys(path: Keys, data: Any) -> list[str]:
    """The keys that could stand where `path` ends."""
    part = _part(path[:-1], data)
    return sorted(field.alias or name for name, field in part.model_fields.items())


def _part(owner: Keys, data: Any) -> type[Part]:
    """The piece of grammar that describes the mapping at a place; only those that refuse unknown keys are asked for."""
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
            return Bound  # under a check's recovers or removes, or a model's override


def _at(data: Any, path: Keys) -> Any:
    for key in path:
        data = data[key]
    return data
