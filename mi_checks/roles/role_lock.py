"""The lock file `roles.lock.yaml`, beside the behaviours: the nodes of each role on each model, with their scores.

    schema: 1
    roles: {behaviour: {model: {role: {L0H3: 0.83}}}}

The file is read when behaviours are collected, so this module imports nothing heavy. Mistakes in it are reported with
their positions, and a file that cannot be read is never overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mi_checks.errors import MiChecksError
from mi_checks.files import conflict_line, replace_text
from mi_checks.spec.load_file import display_path
from mi_checks.spec.model_validation import out_of_range
from mi_checks.spec.node_names import ModelShape, NodeName, parse_node
from mi_checks.spec.problems import Keys, SpecError, SpecProblem, describe
from mi_checks.spec.roles import LOCK_FILE_NAME
from mi_checks.spec.yaml_source import YamlSource, parse_yaml, read_text

SCHEMA = 1
REMEDY = f"restore {LOCK_FILE_NAME}, or delete it and run pytest --mi-update"
LEVELS = ("behaviour", "model", "role", "node")

MAX_SCORE = 1e300  # far above any score; a YAML integer may exceed the range of floats
HEADER = "# Written by pytest --mi-update: the nodes that each role is bound to on each model, with their scores.\n"
DECIMALS = 2
# Half of the last decimal plus the rounding differences between machines: smaller changes do not change the file.
MAX_UNCHANGED_SCORE = 0.006

LockKey = tuple[str, str, str]  # names of behaviour, model, role
NodeScores = Mapping[str, float]  # the score of each node
ShapeOf = Callable[[str], ModelShape | None]


def lock_problems(source: YamlSource, shape_of: ShapeOf) -> Iterator[SpecProblem]:
    """Yield the mistakes in a lock file, including nodes outside a model whose shape is known."""
    data = source.data
    schema = data.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        newer = f"schema {describe(schema)}; this version reads schema {SCHEMA}"
        message = f"written by a newer mi-checks ({newer}); update mi-checks"
        yield source.problem(("schema",), message)
        return
    if schema != SCHEMA or isinstance(schema, bool | float):
        actual = "but it is missing" if "schema" not in data else f"not {describe(schema)}"
        yield source.problem(("schema",), f"'schema' must be {SCHEMA}, {actual}; {REMEDY}")
        return
    for key in data:
        if key not in ("schema", "roles"):
            yield source.problem(
                (key,), f"unknown key {key!r}; a lock file has only the keys schema and roles; {REMEDY}", of_key=True
            )
    if "roles" not in data:
        yield source.problem((), f"missing key 'roles'; {REMEDY}")
        return
    yield from _level(source, ("roles",), data["roles"], shape_of)


def _level(source: YamlSource, path: Keys, data: Any, shape_of: ShapeOf) -> Iterator[SpecProblem]:
    """Yield the mistakes in a mapping of behaviours, models, roles or nodes, or in a score."""
    depth = len(path) - 1
    if depth == len(LEVELS):
        if isinstance(data, bool) or not isinstance(data, int | float) or not abs(data) <= MAX_SCORE:
            yield source.problem(path, f"a score must be a number, not {describe(data)}; {REMEDY}")
            return
        mistake = _wrong_node(str(path[-1]), str(path[2]), shape_of)
        if mistake:
            yield source.problem(path, f"{mistake}; {REMEDY}", of_key=True)
        return
    inside = "roles" if depth == 0 else f"the {LEVELS[depth - 1]} {path[-1]!r}"
    if not isinstance(data, dict):
        yield source.problem(
            path, f"{inside} must contain a mapping of {LEVELS[depth]}s, not {describe(data)}; {REMEDY}"
        )
    elif not data and depth == 3:
        yield source.problem(path, f"{inside} has no nodes; {REMEDY}")
    else:
        for key, value in data.items():
            yield from _level(source, (*path, key), value, shape_of)


def _wrong_node(name: str, model: str, shape_of: ShapeOf) -> str | None:
    node = parse_node(name)
    if node is None or node.index is None or node.component not in ("head", "neuron"):
        return f"{name!r} is not a head or a neuron"
    shape = shape_of(model)
    if shape is None:
        return None
    model_range = out_of_range(node, shape)
    return f"{name!r} is outside {model}, which has {model_range}" if model_range else None


@dataclass(frozen=True)
class RoleLock:
    """The contents of a lock file; empty if there is no file."""

    entries: Mapping[LockKey, NodeScores] = field(default_factory=dict)

    def of(self, behaviour: str, model: str) -> dict[str, NodeScores]:
        """Return the nodes of each role, with their scores."""
        return {key[2]: nodes for key, nodes in self.entries.items() if key[:2] == (behaviour, model)}


def read_lock(
    folder: Path, root: Path | None = None, shape_of: Callable[[str], ModelShape | None] | None = None
) -> RoleLock:
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
        return RoleLock()
    shown = display_path(path, root)
    text = read_text(path, shown)
    line = conflict_line(text)
    if line is not None:
        raise SpecError(
            [
                SpecProblem(
                    shown,
                    line,
                    1,
                    "merge conflict; keep either side, then run pytest --mi-update to bring the file up to date",
                )
            ]
        )
    try:
        source = parse_yaml(text, shown, path)
    except SpecError as error:
        first = error.problems[0]
        raise SpecError([SpecProblem(first.path, first.line, first.column, f"{first.message}; {REMEDY}")]) from None
    problems = list(lock_problems(source, shape_of or _unknown_shape))
    if problems:
        raise SpecError(problems)
    return RoleLock(
        {
            (behaviour, model, role): {node: float(score) for node, score in nodes.items()}
            for behaviour, models in source.data["roles"].items()
            for model, roles in models.items()
            for role, nodes in roles.items()
        }
    )


def write_lock(folder: Path, bindings: Mapping[LockKey, NodeScores], root: Path | None = None) -> bool:
    """Write the scores of bound nodes into the lock file of a folder, and return whether the file changed.

    Roles that were not bound in this run stay. A score that differs from the written one only by rounding stays as
    well, so that another update, on this machine or another, changes nothing.

    Raises:
        SpecError: the existing file has mistakes; it stays unchanged.
        MiChecksError: the file cannot be written; the old one stays unchanged.
    """
    path = folder / LOCK_FILE_NAME
    shown = display_path(path, root)
    before = read_lock(folder, root).entries
    text = _text({**before, **{key: _rounded(nodes, before.get(key, {})) for key, nodes in bindings.items()}})
    try:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            return False
        replace_text(path, text)
    except OSError as error:
        why = error.strerror or str(error)
        raise MiChecksError(
            f"{shown}: cannot be written: {why}; the file is unchanged. Make the folder writable or free disk space, "
            "and run pytest --mi-update again"
        ) from None
    return True


def _unknown_shape(model: str) -> ModelShape | None:  # noqa: ARG001  # the default if no shapes are known
    return None


def _rounded(nodes: NodeScores, before: NodeScores) -> NodeScores:
    """Return the scores to write: the new ones, rounded, or the old ones if they differ only by rounding."""
    unchanged = {
        node for node, score in nodes.items() if node in before and abs(before[node] - score) <= MAX_UNCHANGED_SCORE
    }
    return {node: before[node] if node in unchanged else round(score, DECIMALS) + 0.0 for node, score in nodes.items()}


def _text(entries: Mapping[LockKey, NodeScores]) -> str:
    roles: dict[str, dict[str, dict[str, dict[str, float]]]] = {}
    for behaviour, model, role in sorted(entries):
        nodes = entries[behaviour, model, role]
        ordered = {node: nodes[node] for node in sorted(nodes, key=_layer_and_index)}
        roles.setdefault(behaviour, {}).setdefault(model, {})[role] = ordered
    data = {"schema": SCHEMA, "roles": roles}
    # This style writes each innermost mapping on one line.
    return HEADER + yaml.safe_dump(data, default_flow_style=None, sort_keys=False, allow_unicode=True, width=10**6)


def _layer_and_index(node: str) -> tuple[int, int]:
    parts = parse_node(node) or NodeName(0, "head", 0)  # the name is always that of a node
    return parts.layer, parts.index or 0
