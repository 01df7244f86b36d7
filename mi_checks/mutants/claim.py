"""A check as it is made on one model: what mutations are chosen by."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.nodes import Node
from mi_checks.mutants.partners import heads_among
from mi_checks.spec.bound import Bound
from mi_checks.spec.check import Check, NodeNames
from mi_checks.spec.circuit_checks import Circuit
from mi_checks.spec.edges import LOGITS as TO_LOGITS
from mi_checks.spec.edges import parse_edge
from mi_checks.spec.path_checks import Composes, Path
from mi_checks.spec.roles import RoleCheck


@dataclass(frozen=True)
class Claim:
    """A check as it is made on one model.

    Attributes:
        check: the check.
        bound: what it is held to; None for a claim about a set.
        nodes: what it says something of: for a path or a composition, its senders.
        measured: the unmutated model.
    """

    check: Check
    bound: Bound | None
    nodes: tuple[Node, ...]
    measured: Measurements

    @property
    def heads(self) -> tuple[Node, ...]:
        """The heads among the nodes, or that they are parts of."""
        return heads_among(self.nodes, self.measured.subject.shape)

    @property
    def from_below(self) -> bool:
        """Whether it says that something is large; one that is only said to be small is not made false by nothing."""
        return self.bound is None or self.bound.at_least is not None


def named(check: Check, measured: Measurements) -> tuple[Node, ...]:
    """What a check is about: its nodes, the senders of a path, the members of a circuit, the heads of a role."""
    if isinstance(check, Circuit) and check.edges is not None:
        ends = [edge for text in check.edges if (edge := parse_edge(text)) is not None]
        names = dict.fromkeys(name for edge in ends for name in (edge.sender, edge.receiver) if name != TO_LOGITS)
        return tuple(dict.fromkeys(node for name in names for node in measured.nodes(name)))
    if isinstance(check, RoleCheck):
        return measured.nodes(check.name)
    expression: NodeNames | None = getattr(check, "from_" if isinstance(check, Path | Composes) else "nodes", None)
    return () if expression is None else measured.nodes(expression)
