"""Old names of keys in behaviour files, which still work but are replaced, with a warning, when a file is read."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mi_checks.errors import DeprecatedNameWarning
from mi_checks.spec.path_checks import DirectLogitAttributionCheck
from mi_checks.spec.problems import Keys
from mi_checks.spec.yaml_source import Position, YamlSource

CHECK_KEYS: Mapping[str, str] = {"attribution": DirectLogitAttributionCheck.key()}  # old key → key under `checks`


def with_current_names(source: YamlSource) -> YamlSource:
    """Return a file's data with the current names of checks, and warn once if it has an old one.

    Every key and value keeps its position. An entry that also has the new name is left as it is, because an entry with
    two keys is a mistake in any case.

    Warns:
        DeprecatedNameWarning: the file has an old name; its own name and the line are those of the warning.
    """
    checks = source.data.get("checks")
    if not isinstance(checks, list):
        return source
    old_names = {
        index: old
        for index, entry in enumerate(checks)
        for old, new in CHECK_KEYS.items()
        if isinstance(entry, dict) and old in entry and new not in entry
    }
    if not old_names:
        return source
    _warn(source, *next(iter(old_names.items())))
    data = [_rename_key(entry, old_names[i]) if i in old_names else entry for i, entry in enumerate(checks)]
    return replace(
        source,
        data={**source.data, "checks": data},
        keys=_rename_positions(source.keys, old_names),
        values=_rename_positions(source.values, old_names),
    )


def _warn(source: YamlSource, index: int, old: str) -> None:
    line = source.position(("checks", index, old), of_key=True).line
    message = (
        f"{source.display_path}:{line}: the check {old!r} is now called {CHECK_KEYS[old]!r}; "
        "the old name still works, but rename it in this file"
    )
    warnings.warn_explicit(message, DeprecatedNameWarning, filename=source.display_path, lineno=line)


def _rename_key(entry: dict[str, Any], old: str) -> dict[str, Any]:
    return {CHECK_KEYS[old] if key == old else key: value for key, value in entry.items()}


def _rename_positions(positions: Mapping[Keys, Position], old_names: Mapping[int, str]) -> dict[Keys, Position]:
    return {
        (*path[:2], CHECK_KEYS[str(path[2])], *path[3:]) if _is_old(path, old_names) else path: position
        for path, position in positions.items()
    }


def _is_old(path: Keys, old_names: Mapping[int, str]) -> bool:
    return len(path) > 2 and path[0] == "checks" and isinstance(path[1], int) and old_names.get(path[1]) == path[2]
