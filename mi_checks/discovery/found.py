"""What discovery has found on one half of its prompts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mi_checks.discovery.mediation import Mediation
from mi_checks.discovery.neurons import Neurons
from mi_checks.discovery.paths import Paths
from mi_checks.discovery.pruning import Pruned
from mi_checks.discovery.redundancy import Ablations
from mi_checks.engine.interventions import Ablated
from mi_checks.engine.nodes import Node
from mi_checks.record import Estimate


@dataclass(frozen=True)
class Found:
    """Everything found of one behaviour on one model.

    Attributes:
        gap: the clean − corrupt logit difference.
        at: the label that nodes are patched at; None for all positions.
        heads: which heads mediate.
        neurons: which neurons mediate; None in a model without any.
        mlps: which MLP layers mediate as a whole; None in a model without any.
        ablated_by: what is put in the place of what is ablated: the mean, or zero where prompts are not equally long.
        ablations: which heads are needed, and which pairs are redundant.
        paths: which paths carry the behaviour.
        circuit: the circuit that greedy pruning ends with.
        roles: found head → the roles that it scores enough for on probe prompts, with the scores.
    """

    gap: Estimate
    at: str | None
    heads: Mediation
    neurons: Neurons | None
    mlps: Mediation | None
    ablated_by: Ablated
    ablations: Ablations
    paths: Paths
    circuit: Pruned
    roles: Mapping[Node, Mapping[str, float]]

    @property
    def mediating_neurons(self) -> tuple[Node, ...]:
        """Those found, strongest first."""
        return self.neurons.mediation.found if self.neurons is not None else ()

    @property
    def redundant(self) -> tuple[tuple[Node, Node], ...]:
        """The pairs of heads either of which does without the other."""
        return tuple(each.pair for each in self.ablations.redundant)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every head and neuron found to mediate, and every head of a redundant pair, in the order of the model."""
        paired = (head for pair in self.redundant for head in pair)
        return tuple(sorted({*self.heads.found, *self.mediating_neurons, *paired}))

    @property
    def edges(self) -> tuple[tuple[Node, Node], ...]:
        """Every path found, as sender and what reads it."""
        return tuple((edge.sender, reader) for edge in self.paths.found for reader in edge.into)
