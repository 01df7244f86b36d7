"""Messages for mistakes in keys and types, translated from pydantic's errors, with the value and the valid values."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import (
    CHECK_KINDS,
    CHECKS_BY_KEY,
    MAX_NAME_CHARACTERS,
    AbsentEntry,
    Behaviour,
    Case,
    CheckEntry,
    ModelEntry,
    Prompts,
)
from mi_checks.spec.check import Bound
from mi_checks.spec.part import UNION_TAG, GrammarPart
from mi_checks.spec.path_checks import PathHop
from mi_checks.spec.problems import Keys, SpecProblem, comma_list, describe, dotted
from mi_checks.spec.quotes import Quote, QuotedPrompts
from mi_checks.spec.roles import Role, RoleCheck
from mi_checks.spec.variables import VARIABLE_KINDS, VARIABLE_SOURCES
from mi_checks.spec.yaml_source import YamlSource

_WRONG_TYPE = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "finite_number": "a finite number",
    "int_parsing_size": "a number of ordinary size",
}
_LIMITS = {
    "greater_than": "above",
    "greater_than_equal": "at least",
    "less_than": "below",
    "less_than_equal": "at most",
}
_EMPTY = ("string_too_short", "too_short")
_MODEL_KEYS = tuple(ModelEntry.model_fields)  # of a model's entry, besides the ids of checks


def shape_problems(source: YamlSource, errors: Sequence[ErrorDetails]) -> list[SpecProblem]:
    """Return the mistakes in the keys and types of a file, given pydantic's errors about it."""
    nothing = tuple(_paths_without_value(source.data, ()))
    problems = [source.problem(path, _missing_value_message(path)) for path in nothing]
    unknown = {_path(error) for error in errors if error["type"] == "extra_forbidden"}
    suggested = {(*path[:-1], suggestion(path, source.data)) for path in unknown}
    for error in errors:
        path = _path(error)
        if _follows_from_missing_value(path, nothing) or (error["type"] == "missing" and path in suggested):
            continue  # this mistake has been reported already
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # pydantic counts only valid items; the invalid ones have errors of their own
        if _is_taken_for_check_id(path) and (error["type"] != "extra_forbidden" or len(path) > 3):
            # Any other key is parsed as a check's id, so the mistake is the key itself and not its value.
            message = unknown_model_key(str(path[1]), str(path[2]), ())
            problems.append(source.problem(path[:3], message, of_key=True))
            continue
        if _is_about_key(error):
            problems.append(source.problem(path, _invalid_name(path[-1], error), of_key=True))
        elif error["type"] == "extra_forbidden":
            problems.append(source.problem(path, unknown_key(path, source.data), of_key=True))
        else:
            problems.append(source.problem(path, _message(error, path), of_key=error["type"] == "value_error"))
    return problems


def _is_taken_for_check_id(path: Keys) -> bool:
    """Return whether a path leads through a key of a model's entry that is neither in the grammar nor a check's id."""
    if path[:1] != ("models",) or len(path) < 3:
        return False
    key = str(path[2])
    return key not in (*_MODEL_KEYS, *AbsentEntry.model_fields) and not is_check_id(key)


def _path(error: ErrorDetails) -> Keys:
    """Return the error's path in the file: its location without the tags of unions."""
    path = tuple(part for part in error["loc"] if not (isinstance(part, str) and part.startswith(UNION_TAG)))
    return path[:-1] if _is_about_key(error) else path


def _is_about_key(error: ErrorDetails) -> bool:
    # Only names have a pattern or a maximum length; the location of a name that is a value ends in its own key.
    return error["loc"][-1:] == ("[key]",) and error["type"] in ("string_pattern_mismatch", "string_too_long")


def _paths_without_value(data: Any, path: Keys) -> Iterator[Keys]:
    if data is None:
        yield path
    elif isinstance(data, dict):
        for key, value in data.items():
            yield from _paths_without_value(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _paths_without_value(value, (*path, index))


def _follows_from_missing_value(path: Keys, nothing: Sequence[Keys]) -> bool:
    return any(
        path[: len(empty)] == empty or path == empty[:-1] or (path[:1] == ("checks",) and path[:2] == empty[:2])
        for empty in nothing
    )


def _missing_value_message(path: Keys) -> str:
    if len(path) == 2 and path[0] == "models":
        return f"{dotted(path)!r} has no value; write 'absent', or {{}} to run all checks as written"
    if len(path) == 3 and path[0] == "checks" and path[2] in CHECKS_BY_KEY:
        return f"{dotted(path)!r} has nothing under it; indent its keys further than {path[2]!r} itself"
    remedy = "add one or remove the key"
    if len(path) == 4 and path[0] == "checks" and str(path[3]) not in _keys(str(path[2])):
        remedy = "if this is the rest of a text in { } after a ',', put quotes around the whole text"
    return f"{dotted(path)!r} has no value; {remedy}"


def _keys(kind: str) -> set[str]:
    fields = CHECKS_BY_KEY[kind].model_fields if kind in CHECKS_BY_KEY else {}
    return {field.alias or name for name, field in fields.items()}


def _message(error: ErrorDetails, path: Keys) -> str:
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "float_type" and isinstance(value, int) and not isinstance(value, bool):
        kind = "int_parsing_size"  # too large for a float
    where = repr(dotted(path))
    if kind == "missing":
        owner = f" in {dotted(path[:-1])!r}" if path[:-1] else ""
        return f"missing key {path[-1]!r}{owner}"
    if kind == "union_tag_not_found":
        return _missing_source(path, value)
    if kind == "literal_error":
        return _invalid_choice(
            where, value, re.findall("'([^']*)'", context["expected"]), in_models=path[0] == "models" and len(path) == 2
        )
    if kind in _WRONG_TYPE:
        return f"{where} must be {_WRONG_TYPE[kind]}, not {describe(value)}{_remedy(_WRONG_TYPE[kind], value)}"
    if kind in _LIMITS:
        limit = next(iter(context.values()))
        return f"{where} must be {_LIMITS[kind]} {limit:g}, not {describe(value)}"
    if kind == "string_too_long":
        return f"{where} must be at most {context['max_length']} characters long, not {len(value)}"
    if kind in _EMPTY:
        least = context["min_length"]
        return f"{where} must not be empty" if least == 1 else f"{where} must have at least {least} items"
    if kind == "string_pattern_mismatch":
        return _invalid_name(value, error)
    if kind == "value_error" and len(path) == 2 and path[0] == "checks":
        if len(value) > 1:
            return f"{where} has {len(value)} checks ({comma_list(value)}); start each one with '- '"
        return f"{where} has no check; known checks: {comma_list(CHECKS_BY_KEY)}"
    if kind == "value_error":
        return f"{where}: {context['error']}"
    return f"{where}: {error['msg']}"


def _remedy(wanted: str, found: Any) -> str:
    if isinstance(found, str) and wanted in _REMEDIES:
        return _REMEDIES[wanted](found)
    if wanted == "text" and not isinstance(found, dict | list | tuple):
        return "; put quotes around it"
    if wanted == "a list" and isinstance(found, str):
        return "; put [ ] around it"
    return ""


def _number_remedy(text: str) -> str:
    """Return how to write a number that YAML reads as text."""
    if ":" in text and re.fullmatch("[-+]?[0-9:.]+", text):
        return "; write the number without ':'"
    try:
        number = float(text)  # float() accepts 1_000, too
    except ValueError:
        return ""
    plain = text.replace("_", "")
    return f"; write {plain}, without {'underscores' if '_' in text else 'quotes'}" if abs(number) < math.inf else ""


def _boolean_remedy(text: str) -> str:
    """Return how to write true or false."""
    meant = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}.get(text.lower())
    return f"; write {meant}" if meant else ""


_REMEDIES = {"a number": _number_remedy, "a whole number": _number_remedy, "true or false": _boolean_remedy}


def _invalid_choice(where: str, found: Any, valid: Sequence[str], *, in_models: bool) -> str:
    hint = did_you_mean(found, valid) if isinstance(found, str) else ""
    if in_models:
        return f"{where} must be 'absent' or a mapping, not {describe(found)}{hint}"
    choice = f"one of {', '.join(valid)}" if len(valid) > 1 else repr(valid[0])
    return f"{where} must be {choice}, not {describe(found)}{hint}"


def _missing_source(path: Keys, found: Any) -> str:
    expected = f"one of the keys {', '.join(VARIABLE_SOURCES)}"
    if not isinstance(found, dict):
        return f"{dotted(path)!r} must be a mapping with {expected}, not {describe(found)}"
    hints = (did_you_mean(key, VARIABLE_SOURCES) for key in found)
    return f"{dotted(path)!r} needs {expected}, but has {comma_list(found) or 'no keys'}" + next(
        filter(None, hints), ""
    )


def _invalid_name(name: Any, error: ErrorDetails) -> str:
    if error["type"] == "string_too_long":
        return (
            f"the name {name[:20] + '…'!r} is too long: it has {len(name)} characters, and the limit is "
            f"{MAX_NAME_CHARACTERS}"
        )
    lower = "a-z" in error.get("ctx", {}).get("pattern", "") and "A-Z" not in error.get("ctx", {}).get("pattern", "")
    letters = "lower-case letters" if lower else "letters"
    start = "a letter" if lower else "a letter or '_'"
    return f"{name!r} is not a valid name; use {letters}, digits and '_', starting with {start}"


def unknown_key(path: Keys, data: Any) -> str:
    """Return the message for a key that is not in the grammar."""
    key, owner = str(path[-1]), path[:-1]
    if len(owner) == 2 and owner[0] == "checks":
        return f"unknown check {key!r}; known checks: {comma_list(CHECKS_BY_KEY)}{did_you_mean(key, CHECKS_BY_KEY)}"
    if _is_quote(path):
        return f"YAML reads the ': ' after {key!r} as the end of a key; put quotes around the whole text"
    if len(owner) == 3 and owner[:2] == ("prompts", "variables") and key in VARIABLE_SOURCES:
        kinds = [source for source in VARIABLE_SOURCES if source in _at(data, owner)]
        return (
            f"{dotted(owner)!r} has {' and '.join(map(repr, kinds))}; "
            "a variable has only one source of values, so keep one"
        )
    valid = valid_keys(path, data)
    inside = f" in {dotted(owner)!r}" if owner else ""
    also = ("quotes",) if owner == ("prompts",) else ()  # the key that marks the other kind of prompts
    return f"unknown key {key!r}{inside}; valid keys: {comma_list(valid)}{did_you_mean(key, [*valid, *also])}"


def _is_quote(path: Keys) -> bool:
    """Return whether the key is really the beginning of an unquoted text: `The [[noun: key|keys]]`."""
    return path[:2] == ("prompts", "quotes") and len(path) == 4 and "[[" in str(path[-1])


def is_check_id(key: str) -> bool:
    """Return whether a key under a model looks like a check's id."""
    return key.split("[")[0] in (*CHECKS_BY_KEY, *(check.kind for check in CHECK_KINDS), RoleCheck.kind)


def unknown_model_key(model: str, key: str, ids: tuple[str, ...]) -> str:
    """Return the message for a key under a model that is neither one of its own, such as `nodes`, nor a check's id."""
    own = ", ".join(_MODEL_KEYS)
    valid = f"{own}, {comma_list(ids)}" if ids else f"{own}, and the ids of checks"
    hint = did_you_mean(key, (*_MODEL_KEYS, *(ids or CHECKS_BY_KEY)))
    return f"unknown key {key!r} in {dotted(('models', model))!r}; valid keys: {valid}{hint}"


def suggestion(path: Keys, data: Any) -> str | None:
    """Return the key that an unknown one was probably meant to be, or None."""
    if _is_quote(path):
        return "text"
    near = difflib.get_close_matches(str(path[-1]), valid_keys(path, data), n=1, cutoff=0.6)
    return near[0] if near else None


def valid_keys(path: Keys, data: Any) -> list[str]:
    """Return the keys that are allowed in place of the last one of `path`, sorted."""
    part = _part(path[:-1], data)
    return sorted(field.alias or name for name, field in part.model_fields.items())


def _part(owner: Keys, data: Any) -> type[GrammarPart]:
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
            return next(part for source, part in VARIABLE_KINDS.items() if source in _at(data, owner))
        case ("cases", _):
            return Case
        case ("models", _):
            return AbsentEntry
        case ("checks", _):
            return CheckEntry
        case ("checks", _, str(kind)):
            return CHECKS_BY_KEY[kind]
        case ("checks", _, _, "through", _):
            return PathHop
        case ("roles", _):
            return Role
        case _:
            return Bound  # a check's `recovers` or `removes`, or a model's override


def _at(data: Any, path: Keys) -> Any:
    for key in path:
        data = data[key]
    return data
