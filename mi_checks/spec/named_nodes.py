"""Where a behaviour names nodes: in its checks, and in the node sets of its models."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mi_checks.errors import did_you_mean
from mi_checks.spec.check import Check, NodeCheck, NodeNames
from mi_checks.spec.circuit_checks import Circuit
from mi_checks.spec.edges import parse_edge
from mi_checks.spec.node_checks import Attention, Mediators
from mi_checks.spec.node_expressions import GROUPS
from mi_checks.spec.node_names import PLURAL, SPELLING
from mi_checks.spec.path_checks import LOGITS, Attribution, Composes, Path
from mi_checks.spec.words import listed
from mi_checks.spec.yaml_source import Keys


def placed_names(path: Keys, expression: NodeNames) -> Iterator[tuple[Keys, str]]:
    """Each name of an expression with its way through the file."""
    if isinstance(expression, str):
        yield path, expression
    else:
        for index, name in enumerate(expression):
            yield (*path, index), name


@dataclass(frozen=True)
class Place:
    """Somewhere in a check where nodes stand, and what may stand there.

    Attributes:
        path: the way through the file.
        expression: the names.
        components: of which kinds the nodes must be; None for any that can be replaced.
        what: those kinds, in a message.
    """

    path: Keys
    expression: NodeNames
    components: tuple[str, ...] | None = None
    what: str = ""


def claimed_nodes(path: Keys, check: Check) -> Iterator[Place]:
    """Where a check names nodes."""
    heads = (("head",), "heads")
    match check:
        case Attention():
            yield Place((*path, "nodes"), check.nodes, *heads)
        case Mediators():
            key = "exactly" if check.exactly is not None else "include"
            yield Place((*path, key), check.nodes, (check.component,), PLURAL[check.component])
        case Path():
            yield Place((*path, "from"), check.from_, *_SENDERS)
            for index, hop in enumerate(check.through):
                yield Place((*path, "through", index, "nodes"), hop.nodes, *_receivers(hop.via))
            if check.to != LOGITS:
                yield Place((*path, "to"), check.to, *_receivers(check.via))
        case Composes():
            yield Place((*path, "from"), check.from_, *heads)
            yield Place((*path, "to"), check.to, *heads)
        case Attribution():
            yield Place((*path, "nodes"), check.nodes, *_SENDERS)
        case Circuit(nodes=None):
            for index, text in enumerate(check.edges or ()):
                edge = parse_edge(text)
                if edge is None:  # the grammar refuses it
                    continue
                yield Place((*path, "edges", index), edge.sender, *_MEMBERS)
                if edge.receiver != LOGITS:
                    yield Place((*path, "edges", index), edge.receiver, *_receivers(edge.via))
        case Circuit():
            yield Place((*path, "nodes"), check.nodes or (), *_MEMBERS)
        case NodeCheck():
            yield Place((*path, "nodes"), check.nodes)


_SENDERS = (("head", "neuron", "attn", "mlp"), "heads, neurons and the output of layers, which write into the stream,")
_MEMBERS = (("head", "mlp"), "heads and MLP layers")


def _receivers(via: str | None) -> tuple[tuple[str, ...], str]:
    return (("mlp",), "MLP layers without 'via', and heads with it,") if via is None else (("head",), f"heads ({via})")


def not_a_node(name: str, sets: tuple[str, ...] | None) -> str:
    """The message for a name that is no node and none of the roles and node sets; None where none may stand."""
    if "@" in name:
        return f"{name!r}: a position is not part of a node's name here; write it as the check's 'at'"
    if sets is None:
        return f"unknown node {name!r}; {SPELLING}"
    known = f"roles and node sets: {listed(sets)}" if sets else "there is no role, and no node set under 'models'"
    return f"unknown node, role or node set {name!r}; {known}; {SPELLING}; {GROUPS}{did_you_mean(name, sets)}"
