"""Merging of one mapping over another, which implements `extends` and `cases`, on plain data with positions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mi_checks.spec.variables import SOURCES
from mi_checks.spec.yaml_source import Keys, Position, YamlSource

MERGED: frozenset[Keys] = frozenset({(), ("prompts",), ("prompts", "variables"), ("models",)})  # merged key by key


def overlaid(base: YamlSource, over: YamlSource) -> YamlSource:
    """Return the data of `base` overridden by those of `over`, with the path of `over` as the path that messages show.

    The top level, `prompts`, `prompts.variables` and `models` are merged key by key, and so is a variable to which
    `over` gives no source of values. Everything else is replaced as a whole.
    """
    replaced: set[Keys] = set()
    data = _merged((), base.data, over.data, replaced)
    elsewhere = base.shown if base.shown != over.shown else ""
    return YamlSource(
        over.shown,
        data,
        _not_replaced(base.keys, replaced, elsewhere) | dict(over.keys),
        _not_replaced(base.values, replaced, elsewhere) | dict(over.values),
        {**over.files, **_unknown_files(base.files, over.files)},
    )


def _merged(path: Keys, base: Any, over: Any, replaced: set[Keys]) -> Any:
    if not isinstance(base, dict) or not isinstance(over, dict) or not (path in MERGED or _adjusts(path, over)):
        replaced.add(path)
        return over
    result = dict(base)
    for key, value in over.items():
        result[key] = _merged((*path, key), base[key], value, replaced) if key in base else value
    return result


def _adjusts(path: Keys, over: dict[str, Any]) -> bool:
    return len(path) == 3 and path[:2] == ("prompts", "variables") and not any(source in over for source in SOURCES)


def _not_replaced(positions: Mapping[Keys, Position], replaced: set[Keys], elsewhere: str) -> dict[Keys, Position]:
    return {
        path: position._replace(file=position.file or elsewhere)
        for path, position in positions.items()
        if not any(path[:length] in replaced for length in range(len(path) + 1))
    }


def _unknown_files(files: Mapping[str, Path], known: Mapping[str, Path]) -> dict[str, Path]:
    return {shown: path for shown, path in files.items() if shown not in known}
