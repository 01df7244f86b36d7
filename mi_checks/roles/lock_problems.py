"""Validation of a lock file: every mistake in it, with its position and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from mi_checks.spec.model_validation import out_of_range
from mi_checks.spec.node_names import ModelShape, parse_node
from mi_checks.spec.problems import Keys, SpecProblem, describe
from mi_checks.spec.roles import LOCK_FILE_NAME
from mi_checks.spec.yaml_source import YamlSource

SCHEMA = 1
REMEDY = f"restore {LOCK_FILE_NAME}, or delete it and run pytest --mi-update"
_LEVELS = ("behaviour", "model", "role", "node")

MAX_SCORE = 1e300  # far above any score; a YAML integer may exceed the range of floats

ShapeOf = Callable[[str], ModelShape | None]


def lock_problems(source: YamlSource, shape_of: ShapeOf) -> Iterator[SpecProblem]:
    """Yield the mistakes in a lock file, including nodes outside a model whose shape is known."""
    data = source.data
    schema = data.get("schema")
    if isinstance(schema, int) and not isinstance(schema, bool) and schema > SCHEMA:
        newer = f"schema {describe(schema)}, and this one reads {SCHEMA}"
        message = f"written by a newer mi-checks ({newer}); update mi-checks"
        yield source.problem(("schema",), message)
        return
    if schema != SCHEMA or isinstance(schema, bool | float):
        actual = "there is none" if "schema" not in data else f"not {describe(schema)}"
        yield source.problem(("schema",), f"'schema' must be {SCHEMA}, {actual}; {REMEDY}")
        return
    for key in data:
        if key not in ("schema", "roles"):
            yield source.problem((key,), f"unknown key {key!r}; a lock has schema and roles; {REMEDY}", of_key=True)
    if "roles" not in data:
        yield source.problem((), f"missing key 'roles'; {REMEDY}")
        return
    yield from _level(source, ("roles",), data["roles"], shape_of)


def _level(source: YamlSource, path: Keys, data: Any, shape_of: ShapeOf) -> Iterator[SpecProblem]:
    """Yield the mistakes in a mapping of behaviours, models, roles or nodes, or in a score."""
    depth = len(path) - 1
    if depth == len(_LEVELS):
        if isinstance(data, bool) or not isinstance(data, int | float) or not abs(data) <= MAX_SCORE:
            yield source.problem(path, f"a score must be a number, not {describe(data)}; {REMEDY}")
            return
        mistake = _wrong_node(str(path[-1]), str(path[2]), shape_of)
        if mistake:
            yield source.problem(path, f"{mistake}; {REMEDY}", of_key=True)
        return
    inside = "roles" if depth == 0 else f"the {_LEVELS[depth - 1]} {path[-1]!r}"
    if not isinstance(data, dict):
        yield source.problem(path, f"{inside} must hold a mapping of {_LEVELS[depth]}s, not {describe(data)}; {REMEDY}")
    elif not data and depth == 3:
        yield source.problem(path, f"{inside} holds no node; {REMEDY}")
    else:
        for key, value in data.items():
            yield from _level(source, (*path, key), value, shape_of)


def _wrong_node(name: str, model: str, shape_of: ShapeOf) -> str | None:
    node = parse_node(name)
    if node is None or node.index is None or node.component not in ("head", "neuron"):
        return f"{name!r} is no head and no neuron"
    shape = shape_of(model)
    if shape is None:
        return None
    model_range = out_of_range(node, shape)
    return f"{name!r} is outside {model}, which has {model_range}" if model_range else None
