"""What was found → claims whose bounds are not known yet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mi_checks.discovery.found import Found
from mi_checks.engine.nodes import LOGITS, Node
from mi_checks.spec.edges import LOGITS as TO_LOGITS

PATHS = 12  # claimed; of more, the strongest
PAIRS = 4  # redundant ones, likewise


@dataclass(frozen=True)
class Candidate:
    """A check without its bound.

    Attributes:
        kind: the key it stands under.
        fields: what it says beside the bound, as in a file.
        bound: the field that holds the bound; "" where its sides stand in the check itself.
        side: the side that is bounded.
        least: what a bound from below must be above to say anything.
        note: what else the evidence says.
    """

    kind: str
    fields: Mapping[str, Any]
    bound: str = ""
    side: Literal["at_least", "at_most"] = "at_least"
    least: float = 0.0
    note: str = ""

    def with_bound(self, value: float) -> dict[str, Any]:
        """The check as data of an entry of `checks`."""
        side = {self.side: value}
        return {self.kind: {**self.fields, **({self.bound: side} if self.bound else side)}}


def about_nodes(found: Found, heads: str, neurons: str) -> Iterator[Candidate]:
    """The claims about nodes, but for those of sets.

    Args:
        found: what was found.
        heads: the name that a behaviour binds the mediating heads to.
        neurons: likewise.
    """
    at = {"at": found.at} if found.at else {}
    for name, nodes in ((heads, found.heads.found), (neurons, found.mediating_neurons)):
        if nodes:
            yield Candidate("patching", {"nodes": name, **at}, "recovers")
    for edge in found.paths.found[:PATHS]:
        to = TO_LOGITS if edge.receiver == LOGITS else str(edge.receiver)
        via = {"via": edge.via} if edge.via else {}
        yield Candidate("path", {"from": str(edge.sender), "to": to, **via, **at}, "recovers")
    told: set[Node] = set()
    for pair in found.redundant[:PAIRS]:
        names = [str(head) for head in pair]
        yield Candidate(
            "ablation", {"nodes": names, "with": found.ablated_by}, "removes", note="redundant: both together"
        )
        for head in pair:
            if head not in told:
                fields = {"nodes": str(head), "with": found.ablated_by}
                yield Candidate("ablation", fields, "removes", "at_most", note="redundant: one alone")
            told.add(head)
