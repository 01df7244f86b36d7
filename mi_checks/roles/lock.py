"""`roles.lock.yaml`, beside the behaviours: the nodes each role was bound to on each model, with their scores.

    schema: 1
    roles: {behaviour: {model: {role: {L0H3: 0.83}}}}

The file is read when behaviours are collected, so this module imports nothing heavy. Mistakes in it are reported with
their positions, and a file that cannot be read is never overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from mi_checks.errors import MiChecksError
from mi_checks.files import conflict_line, replace_text
from mi_checks.roles.lock_problems import REMEDY, SCHEMA, lock_problems
from mi_checks.spec.load_file import display_path
from mi_checks.spec.node_names import ModelShape, NodeName, parse_node
from mi_checks.spec.problems import SpecError, SpecProblem
from mi_checks.spec.roles import LOCK_FILE_NAME
from mi_checks.spec.yaml_source import parse_yaml, read_text

HEADER = "# Written by pytest --mi-update: the nodes that each role is bound to on each model, with their scores.\n"
DECIMALS = 2
# In score: half of the last decimal, plus the rounding differences between machines; not worth a change of the file.
MAX_UNCHANGED = 0.006

Key = tuple[str, str, str]  # names of behaviour, model, role
Scores = Mapping[str, float]  # the score of each node


@dataclass(frozen=True)
class Lock:
    """The contents of a lock file; empty if there is no file."""

    entries: Mapping[Key, Scores] = field(default_factory=dict)

    def of(self, behaviour: str, model: str) -> dict[str, Scores]:
        """Return the nodes of each role, with their scores."""
        return {key[2]: nodes for key, nodes in self.entries.items() if key[:2] == (behaviour, model)}


def read_lock(
    folder: Path, root: Path | None = None, shape_of: Callable[[str], ModelShape | None] | None = None
) -> Lock:
    """Return the lock file of a folder of behaviours.

    Args:
        folder: the folder.
        root: the folder to which the path in messages is relative.
        shape_of: a function that returns a model's shape if it is known without loading the model; nodes outside it are
            mistakes.

    Raises:
        SpecError: the file has mistakes; all are listed with their positions.
        MiChecksError: the file cannot be read.
    """
    path = folder / LOCK_FILE_NAME
    if not os.path.lexists(path):
        return Lock()
    shown = display_path(path, root)
    text = read_text(path, shown)
    line = conflict_line(text)
    if line is not None:
        raise SpecError(
            [
                SpecProblem(
                    shown, line, 1, "a merge conflict; keep either side, then pytest --mi-update brings it up to date"
                )
            ]
        )
    try:
        source = parse_yaml(text, shown, path)
    except SpecError as error:
        first = error.problems[0]
        raise SpecError([SpecProblem(first.path, first.line, first.column, f"{first.message}; {REMEDY}")]) from None
    problems = list(lock_problems(source, shape_of or _unknown))
    if problems:
        raise SpecError(problems)
    return Lock(
        {
            (behaviour, model, role): {node: float(score) for node, score in nodes.items()}
            for behaviour, models in source.data["roles"].items()
            for model, roles in models.items()
            for role, nodes in roles.items()
        }
    )


def write_lock(folder: Path, measured: Mapping[Key, Scores], root: Path | None = None) -> bool:
    """Write measured scores into the lock file of a folder, and return whether the file changed.

    Roles that were not measured stay. A score that differs from the written one only by rounding stays as well, so that
    another update, on this machine or another, changes nothing.

    Raises:
        SpecError: the existing file has mistakes; it stays unchanged.
        MiChecksError: the file cannot be written; the old one stays unchanged.
    """
    path = folder / LOCK_FILE_NAME
    shown = display_path(path, root)
    before = read_lock(folder, root).entries
    text = _text({**before, **{key: _settled(nodes, before.get(key, {})) for key, nodes in measured.items()}})
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        replace_text(path, text)
    except OSError as error:
        why = error.strerror or str(error)
        raise MiChecksError(
            f"{shown}: cannot be written: {why}; it is as it was. Make the folder writable, or room on the disk, "
            "and run pytest --mi-update again"
        ) from None
    return True


def _unknown(model: str) -> ModelShape | None:  # noqa: ARG001  # the default if no shapes are known
    return None


def _settled(nodes: Scores, before: Scores) -> Scores:
    """Return the scores to be written: the new ones, rounded, or the old ones if they differ only by rounding."""
    near = {node for node, score in nodes.items() if node in before and abs(before[node] - score) <= MAX_UNCHANGED}
    return {node: before[node] if node in near else round(score, DECIMALS) + 0.0 for node, score in nodes.items()}


def _text(entries: Mapping[Key, Scores]) -> str:
    roles: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for behaviour, model, role in sorted(entries):
        nodes = entries[behaviour, model, role]
        ordered = {node: nodes[node] for node in sorted(nodes, key=_place)}
        roles.setdefault(behaviour, {}).setdefault(model, {})[role] = ordered
    data = {"schema": SCHEMA, "roles": roles}
    # This style writes each innermost mapping on one line.
    return HEADER + yaml.safe_dump(data, default_flow_style=None, sort_keys=False, allow_unicode=True, width=10**6)


def _place(node: str) -> tuple[int, int]:
    parts = parse_node(node) or NodeName(0, "head", 0)  # the name is always that of a node
    return parts.layer, parts.index or 0
