"""The places of a behaviour in which its checks and its models' node sets name nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from mi_checks.errors import did_you_mean
from mi_checks.spec.check import Check, NodeCheck, NodeNames
from mi_checks.spec.circuit_checks import CircuitCheck
from mi_checks.spec.edges import LOGITS_NAME, WRITING_COMPONENTS, HeadInput, parse_edge
from mi_checks.spec.node_checks import AttentionCheck, MediatorsCheck
from mi_checks.spec.node_names import COMPONENT_PLURALS, GROUP_SYNTAX, NODE_SYNTAX, similar_groups
from mi_checks.spec.path_checks import ComposesCheck, DirectLogitAttributionCheck, PathCheck
from mi_checks.spec.problems import Keys, comma_list


def names_with_paths(path: Keys, expression: NodeNames) -> Iterator[tuple[Keys, str]]:
    """Yield each name of an expression with its path in the file."""
    if isinstance(expression, str):
        yield path, expression
    else:
        for index, name in enumerate(expression):
            yield (*path, index), name


@dataclass(frozen=True)
class AllowedNodes:
    """The kinds of nodes that may stand in a place.

    Attributes:
        components: the components of those nodes.
        about: the rule, as a message states it.
        remedies: the remedy for each other component that is likely to be written there.
    """

    components: tuple[str, ...]
    about: str
    remedies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceiverInput:
    """The way in which a path or an edge enters the nodes in a place.

    Attributes:
        via: the input of the nodes.
        spelling: how the file spells that input.
        last: whether a path or an edge ends there, so that `logits` may stand there.
    """

    via: HeadInput | None
    spelling: str
    last: bool = True


@dataclass(frozen=True)
class NodePlace:
    """A place in a check that names nodes.

    Attributes:
        path: the path in the file.
        expression: the names.
        kinds: the kinds of nodes that may stand there; None for all nodes that can be replaced.
        entry: how the nodes are entered, if they are the receivers of a path or an edge.
    """

    path: Keys
    expression: NodeNames
    kinds: AllowedNodes | None = None
    entry: ReceiverInput | None = None


def node_places(path: Keys, check: Check) -> Iterator[NodePlace]:
    """Yield the places in which a check names nodes."""
    match check:
        case AttentionCheck():
            yield NodePlace((*path, "nodes"), check.nodes, _heads(check))
        case MediatorsCheck():
            key = "exactly" if check.exactly is not None else "include"
            kinds = AllowedNodes((check.component,), f"this check sweeps {COMPONENT_PLURALS[check.component]}")
            yield NodePlace((*path, key), check.nodes, kinds)
        case PathCheck():
            yield NodePlace((*path, "from"), check.from_, _SENDERS)
            for index, hop in enumerate(check.through):
                yield NodePlace(
                    (*path, "through", index, "nodes"),
                    hop.nodes,
                    _RECEIVERS,
                    ReceiverInput(hop.via, "with 'via'", last=False),
                )
            if check.to != LOGITS_NAME:
                yield NodePlace((*path, "to"), check.to, _RECEIVERS, ReceiverInput(check.via, "with 'via'"))
        case ComposesCheck():
            yield NodePlace((*path, "from"), check.from_, _heads(check))
            yield NodePlace(
                (*path, "to"), check.to, AllowedNodes(("head",), "composes takes only heads", _VIA_REMEDIES)
            )
        case DirectLogitAttributionCheck():
            yield NodePlace(
                (*path, "nodes"),
                check.nodes,
                AllowedNodes(WRITING_COMPONENTS, "direct logit attribution takes only what writes: " + _WRITERS_TEXT),
            )
        case CircuitCheck(nodes=None):
            for index, text in enumerate(check.edges or ()):
                edge, place = parse_edge(text), (*path, "edges", index)
                if edge is not None:  # the grammar refuses a text that is not an edge
                    yield NodePlace(place, edge.sender, _members(check))
                    if edge.receiver != LOGITS_NAME:
                        entry = ReceiverInput(edge.via, f"as in '{edge.receiver}.k'")
                        yield NodePlace(place, edge.receiver, _members(check), entry)
        case CircuitCheck():
            yield NodePlace((*path, "nodes"), check.nodes or (), _members(check))
        case NodeCheck():
            yield NodePlace((*path, "nodes"), check.nodes)


_WRITERS_TEXT = "heads, neurons, attention and MLP layers"
_SENDERS = AllowedNodes(WRITING_COMPONENTS, f"a path starts at what writes: {_WRITERS_TEXT}")
_VIA_REMEDIES = dict.fromkeys(("q", "k", "v"), "name the head, and give its input with 'via'")
_RECEIVERS = AllowedNodes(("head", "mlp"), "a path enters only heads, MLP layers or 'logits'", _VIA_REMEDIES)
_HEADS_AND_MLPS = AllowedNodes(("head", "mlp"), "a circuit consists of heads and MLP layers")
_HEADS = AllowedNodes(
    ("head",), "a circuit with 'among: heads' consists of heads", {"mlp": "write 'among: heads_and_mlps'"}
)


def _heads(check: Check) -> AllowedNodes:
    return AllowedNodes(("head",), f"{check.kind} takes only heads")


def _members(check: CircuitCheck) -> AllowedNodes:
    return _HEADS if check.among == "heads" else _HEADS_AND_MLPS


def unknown_name_message(name: str, sets: tuple[str, ...] | None, *, ends: bool = False) -> str:
    """Return the message for an undefined name.

    Args:
        name: a name that is not a node, role, node set or group.
        sets: the roles and node sets; None if none may stand there.
        ends: whether `logits` may stand there alone.
    """
    if "@" in name:
        return f"{name!r}: a position is not part of a node's name; give it with the check's 'at'"
    if name == LOGITS_NAME:
        return f"{name!r} is not a node, but the end of paths and edges" + (
            "; alone, it is written 'to: logits'" if ends else ""
        )
    if parse_edge(name) is not None:
        return f"{name!r} is an edge, but nodes are expected; a circuit may have 'edges' instead of 'nodes'"
    if sets is None:
        return f"unknown node {name!r}; {NODE_SYNTAX}"
    known = f"roles and node sets: {comma_list(sets)}" if sets else "the file has no roles and no node sets"
    near = did_you_mean(name, (*sets, *similar_groups(name), *((LOGITS_NAME,) if ends else ())))
    return f"unknown node, role or node set {name!r}; {known}; {NODE_SYNTAX}; {GROUP_SYNTAX}{near}"
