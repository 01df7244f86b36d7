"""The check that mutations should make fail, with its nodes and the measurements of the unmutated model."""

from __future__ import annotations

from dataclasses import dataclass

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.nodes import Node
from mi_checks.mutants.exchange_partners import heads_among
from mi_checks.spec.check import Bound, Check, NodeNames
from mi_checks.spec.circuit_checks import CircuitCheck
from mi_checks.spec.edges import LOGITS_NAME, parse_edge
from mi_checks.spec.path_checks import ComposesCheck, PathCheck
from mi_checks.spec.roles import RoleCheck


@dataclass(frozen=True)
class MutationTarget:
    """A check that a mutation should make fail.

    Attributes:
        check: the check.
        bound: the bound that the check is held to; None for a claim about a set.
        nodes: the nodes that the claim is about; for a path or a composition, its senders.
        measurements: the measurements of the unmutated model.
    """

    check: Check
    bound: Bound | None
    nodes: tuple[Node, ...]
    measurements: Measurements

    @property
    def heads(self) -> tuple[Node, ...]:
        """Return the heads among the nodes, and the heads that the nodes are parts of."""
        return heads_among(self.nodes, self.measurements.loaded_model.shape)

    @property
    def against(self) -> str:
        """Return what the check compares the answer with: foils, the vocabulary or the corrupt prompt."""
        return str(getattr(self.check, "against", "foils"))

    @property
    def claims_large(self) -> bool:
        """Return whether the check claims that something is large; zeroing cannot falsify a claim that it is small."""
        return self.bound is None or self.bound.at_least is not None


def nodes_of_check(check: Check, measured: Measurements) -> tuple[Node, ...]:
    """Return the nodes that a check is about: its own, a path's senders, a circuit's members or a role's heads."""
    if isinstance(check, CircuitCheck) and check.edges is not None:
        ends = [edge for text in check.edges if (edge := parse_edge(text)) is not None]
        names = dict.fromkeys(name for edge in ends for name in (edge.sender, edge.receiver) if name != LOGITS_NAME)
        return tuple(dict.fromkeys(node for name in names for node in measured.nodes(name)))
    if isinstance(check, RoleCheck):
        return measured.nodes(check.name)
    expression: NodeNames | None = getattr(
        check, "from_" if isinstance(check, PathCheck | ComposesCheck) else "nodes", None
    )
    return () if expression is None else measured.nodes(expression)
