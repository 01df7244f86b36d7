"""Where a behaviour names nodes: in its checks, and in the node sets of its models."""

from __future__ import annotations

from collections.abc import Iterator

from mi_checks.errors import did_you_mean
from mi_checks.spec.behaviour import Behaviour, Check, Mediators, ModelEntry, NodeCheck, NodeNames
from mi_checks.spec.node_names import SPELLING
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys


def placed_names(path: Keys, expression: NodeNames) -> Iterator[tuple[Keys, str]]:
    """Each name of an expression with its way through the file."""
    if isinstance(expression, str):
        yield path, expression
    else:
        for index, name in enumerate(expression):
            yield (*path, index), name


def claimed_nodes(path: Keys, check: Check) -> tuple[Keys, NodeNames] | None:
    """Where a check names nodes, and which; None for a check that names none."""
    if isinstance(check, NodeCheck):
        return (*path, "nodes"), check.nodes
    if isinstance(check, Mediators):
        return (*path, "exactly" if check.exactly is not None else "include"), check.nodes
    return None


def node_sets(behaviour: Behaviour, model: str) -> dict[str, NodeNames]:
    """The node sets a model binds."""
    entry = behaviour.models[model]
    return entry.nodes if isinstance(entry, ModelEntry) else {}


def not_a_node(name: str, sets: tuple[str, ...] | None) -> str:
    """The message for a name that is no node and none of the node sets; None for `sets` where none may stand."""
    if "@" in name:
        return f"{name!r}: a position is not part of a node's name here; write it as the check's 'at'"
    if sets is None:
        return f"unknown node {name!r}; {SPELLING}"
    known = f"node sets: {listed(sets)}" if sets else "no node set is bound under 'models'"
    return f"unknown node or node set {name!r}; {known}; {SPELLING}{did_you_mean(name, sets)}"
