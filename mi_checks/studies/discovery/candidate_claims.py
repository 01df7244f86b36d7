"""Claims about what was discovered, before their bounds are known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.studies.discovery.found import Found
from mi_checks.studies.discovery.groups import Joint
from mi_checks.studies.discovery.paths import Edge

MAX_NODES = 8  # claims about single needed nodes, and about single suppressing nodes; the strongest are taken
MAX_PATHS = 12  # claims about paths; the strongest are taken
MAX_OPPOSING_PATHS = 6  # claims about paths that work against the behaviour; the strongest are taken
MAX_SETS = 4  # claims about redundant sets, and about conjunctions; the largest are taken

Side = Literal["at_least", "at_most"]
BOTH: tuple[Side, Side] = ("at_least", "at_most")


@dataclass(frozen=True)
class Candidate:
    """A check without its bounds.

    Attributes:
        kind: the key of the check.
        fields: its fields other than the bound, as in a file.
        bound: the field with the bound; "" if its sides are fields of the check itself.
        sides: the sides that are bounded.
        above: the value that a lower bound must exceed to be informative; None if any lower bound will do.
        below: the value that an upper bound must stay below to be informative; None if any upper bound will do.
        note: further evidence.
    """

    kind: str
    fields: Mapping[str, Any]
    bound: str = ""
    sides: tuple[Side, ...] = BOTH
    above: float | None = 0.0
    below: float | None = None
    note: str = ""

    def with_bounds(self, values: Mapping[Side, float]) -> dict[str, Any]:
        """Return the check as data of an entry of `checks`."""
        sides = {side: values[side] for side in self.sides}
        return {self.kind: {**self.fields, **({self.bound: sides} if self.bound else sides)}}


def about_nodes(found: Found, heads: str, neurons: str) -> Iterator[Candidate]:
    """Yield the claims about nodes, except those about the mediators of a component and about the circuit.

    Args:
        found: the result of discovery.
        heads: the name to which a behaviour binds the mediating heads.
        neurons: the name to which a behaviour binds the mediating neurons.
    """
    at = {"at": found.at} if found.at else {}
    for name, nodes in ((heads, found.heads.sufficient), (neurons, found.mediating_neurons)):
        if nodes:
            yield Candidate("patching", {"nodes": name, **at}, "recovers")
    for node in _strongest(found, [n for each in found.parts for n in each.needed if n not in each.sufficient]):
        note = "needed, but not sufficient alone"
        yield Candidate("patching", {"nodes": str(node), **at}, "removes", note=note)
    for node in _strongest(found, [n for each in found.parts for n in each.suppressing]):
        effects = found.effects_of(node)
        direction = "recovers" if effects is not None and node in effects.recovers.against else "removes"
        fields = {"nodes": str(node), **at}
        note = "suppresses the behaviour"
        yield Candidate("patching", fields, direction, above=None, below=0.0, note=note)
    for edge in found.paths.found[:MAX_PATHS]:
        yield _path(edge, found, at)
    for edge in found.paths.against[:MAX_OPPOSING_PATHS]:
        yield _path(edge, found, at, against=True)
    yield from _sets(found.groups.redundant, "redundant", at)
    yield from _sets(found.groups.conjunctions, "conjunction", at)
    yield from _sets(found.groups.reinforcing, "reinforce each other", at)


def _strongest(found: Found, nodes: list[Node]) -> list[Node]:
    return sorted(nodes, key=lambda node: (-found.strength(node), node))[:MAX_NODES]


def _path(edge: Edge, found: Found, at: Mapping[str, str], *, against: bool = False) -> Candidate:
    to = TO_LOGITS if edge.receiver == LOGITS else str(edge.receiver)
    via = {"via": edge.via} if edge.via else {}
    fields = {"from": str(edge.sender), "to": to, **via, **at}
    direction = "recovers" if edge in found.paths.sufficient else "removes"
    if against:
        return Candidate("path", fields, direction, above=None, below=0.0, note="works against the behaviour")
    return Candidate("path", fields, direction, note="" if direction == "recovers" else "needed, not sufficient alone")


def _sets(joints: tuple[Joint, ...], what: str, at: Mapping[str, str]) -> Iterator[Candidate]:
    """Yield the claims about each set as a whole, and about each of its nodes alone."""
    claimed: set[tuple[Node, str]] = set()
    for joint in joints[:MAX_SETS]:
        kind, fields, bound = "patching", dict(at), "recovers" if joint.by == "denoising" else "removes"
        if joint.by not in ("denoising", "noising"):
            kind, fields = "ablation", {"with": joint.by}
        together = "all" if len(joint.nodes) > 2 else "both"
        yield Candidate(kind, {"nodes": [*map(str, joint.nodes)], **fields}, bound, note=f"{what}: {together} together")
        for node in joint.nodes:
            if (node, joint.by) not in claimed:
                yield Candidate(
                    kind, {"nodes": str(node), **fields}, bound, ("at_most",),
                    above=None, below=joint.together.value, note=f"{what}: one alone",
                )  # fmt: skip
            claimed.add((node, joint.by))
