"""Renaming of the models of a loaded behaviour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mi_checks.spec.behaviour import CheckEntry
from mi_checks.spec.load_file import LoadedBehaviour
from mi_checks.spec.problems import Keys
from mi_checks.spec.yaml_source import Position


def rename_models(loaded: LoadedBehaviour, names: Mapping[str, str]) -> LoadedBehaviour:
    """Return a behaviour in which models have other names; everything keeps its position in the file.

    Args:
        loaded: a behaviour.
        names: the new name of each model, by its name in the file. No two models may get the same name.
    """
    if not names:
        return loaded
    behaviour = loaded.behaviour
    checks = tuple(_rename_in_entry(entry, names) for entry in behaviour.checks)
    models = {names.get(model, model): entry for model, entry in behaviour.models.items()}
    source = loaded.source
    data = {**source.data, "models": {names.get(model, model): entry for model, entry in source.data["models"].items()}}
    return replace(
        loaded,
        behaviour=behaviour.model_copy(update={"checks": checks, "models": models}),
        source=replace(
            source,
            data=data,
            keys=_rename_positions(source.keys, names),
            values=_rename_positions(source.values, names),
        ),
    )


def _rename_in_entry(entry: CheckEntry, names: Mapping[str, str]) -> CheckEntry:
    check = entry.check
    if check.models is None:
        return entry
    models = tuple(names.get(model, model) for model in check.models)
    return entry.model_copy(update={check.key(): check.model_copy(update={"models": models})})


def _rename_positions(positions: Mapping[Keys, Position], names: Mapping[str, str]) -> dict[Keys, Position]:
    return {_rename_in_path(path, names): position for path, position in positions.items()}


def _rename_in_path(path: Keys, names: Mapping[str, str]) -> Keys:
    if len(path) < 2 or path[0] != "models":
        return path
    model: Any = path[1]
    return ("models", names.get(model, model), *path[2:])
