"""What was found → claims whose bounds are not known yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.studies.discovery.found import Found
from mi_checks.studies.discovery.groups import Joint
from mi_checks.studies.discovery.paths import Edge

MAX_NODES = 8  # claimed singly as needed, and as suppressing; of more, the strongest
MAX_PATHS = 12  # claimed; of more, the strongest
MAX_AGAINST = 6  # paths that work against the behaviour, likewise
MAX_SETS = 4  # redundant ones, and conjunctions, likewise

Side = Literal["at_least", "at_most"]
BOTH: tuple[Side, Side] = ("at_least", "at_most")


@dataclass(frozen=True)
class Candidate:
    """A check without its bounds.

    Attributes:
        kind: the key it stands under.
        fields: what it says beside the bound, as in a file.
        bound: the field that holds the bound; "" where its sides stand in the check itself.
        sides: the sides that are bounded.
        above: what a bound from below must be above to say anything; None where it is not the one that says it.
        below: what a bound from above must be below to say anything; None likewise.
        note: what else the evidence says.
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
    """Yield the claims about nodes, except those of the mediators of a component and of the circuit.

    Args:
        found: what was found.
        heads: the name that a behaviour binds the mediating heads to.
        neurons: likewise.
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
    for edge in found.paths.against[:MAX_AGAINST]:
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
    """Yield the claims of a set together, and of each of its nodes alone."""
    told: set[tuple[Node, str]] = set()
    for joint in joints[:MAX_SETS]:
        kind, fields, bound = "patching", dict(at), "recovers" if joint.by == "denoising" else "removes"
        if joint.by not in ("denoising", "noising"):
            kind, fields = "ablation", {"with": joint.by}
        together = "all" if len(joint.nodes) > 2 else "both"
        yield Candidate(kind, {"nodes": [*map(str, joint.nodes)], **fields}, bound, note=f"{what}: {together} together")
        for node in joint.nodes:
            if (node, joint.by) not in told:
                yield Candidate(
                    kind, {"nodes": str(node), **fields}, bound, ("at_most",),
                    above=None, below=joint.together.value, note=f"{what}: one alone",
                )  # fmt: skip
            told.add((node, joint.by))
