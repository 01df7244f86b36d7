"""The result of discovery on one half of its prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mi_checks.engine.interventions import AblationKind
from mi_checks.engine.nodes import Node
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.discovery.effects import Effects
from mi_checks.studies.discovery.groups import Groups
from mi_checks.studies.discovery.paths import Paths
from mi_checks.studies.discovery.pruning import Pruned


@dataclass(frozen=True)
class Found:
    """The result of discovery for one behaviour on one model.

    Attributes:
        effect_size: the effect size, the clean − corrupt logit difference.
        pairs: the number of prompt pairs on which nodes and paths were patched.
        drawn: the number of prompt pairs drawn for discovery: more than `pairs` if all would have taken too long.
        searched: the number of prompt pairs on which circuits were searched.
        at: the label at which nodes are patched; None for all positions.
        heads: the effects of heads, each alone.
        neurons: the effects of neurons, each alone; None in a model without neurons.
        mlps: the effects of whole MLP layers, each alone; None in a model without MLPs.
        unaccounted: MLP layers with an effect that their discovered neurons do not account for.
        ablated_by: the kind of ablation: mean, or zero if the prompts are not equally long.
        groups: sets of nodes with a much larger effect together: redundant copies and conjunctions.
        paths: the paths that transmit the behaviour, and those that work against it.
        circuit: the circuit at the end of greedy pruning.
        roles: maps a discovered head to the roles for which it scores enough on probe prompts, with the scores.
    """

    effect_size: Estimate
    pairs: int
    drawn: int
    searched: int
    at: str | None
    heads: Effects
    neurons: Effects | None
    mlps: Effects | None
    unaccounted: tuple[Node, ...]
    ablated_by: AblationKind
    groups: Groups
    paths: Paths
    circuit: Pruned
    roles: Mapping[Node, Mapping[str, float]]

    @property
    def parts(self) -> tuple[Effects, ...]:
        """Return the effects of heads, neurons and MLP layers, as far as the model has them."""
        return tuple(each for each in (self.heads, self.neurons, self.mlps) if each is not None)

    @property
    def mediating_neurons(self) -> tuple[Node, ...]:
        """Return the neurons that are each sufficient alone, strongest first."""
        return self.neurons.sufficient if self.neurons is not None else ()

    @property
    def redundant(self) -> tuple[tuple[Node, ...], ...]:
        """Return the sets of redundant copies."""
        return tuple(joint.nodes for joint in self.groups.redundant)

    @property
    def conjunctions(self) -> tuple[tuple[Node, ...], ...]:
        """Return the sets of nodes that need each other."""
        return tuple(joint.nodes for joint in self.groups.conjunctions)

    @property
    def reinforcing(self) -> tuple[tuple[Node, ...], ...]:
        """Return the sets of nodes that reinforce each other."""
        return tuple(joint.nodes for joint in self.groups.reinforcing)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return every discovered head and neuron, with an effect of its own or in a set, in the order of the model."""
        neurons = self.neurons.nodes if self.neurons is not None else ()
        together = (node for nodes in (*self.redundant, *self.conjunctions, *self.reinforcing) for node in nodes)
        return tuple(sorted({*self.heads.nodes, *neurons, *together}))

    @property
    def edges(self) -> tuple[tuple[Node, Node], ...]:
        """Return every discovered path as its sender and the node that reads it, opposing paths included."""
        paths = (*self.paths.found, *self.paths.against)
        return tuple((edge.sender, reader) for edge in paths for reader in edge.into)

    def effects_of(self, node: Node) -> Effects | None:
        """Return the effects that include those of a node; None if it was not patched alone."""
        return next((each for each in self.parts if node in each.recovers.sweep.nodes), None)

    def strength(self, node: Node) -> float:
        """Return the larger of a node's two effects in absolute value; 0 if it was not patched alone."""
        effects = self.effects_of(node)
        return 0.0 if effects is None else effects.strength(node)

    def joints_of(self, node: Node) -> Iterator[tuple[str, tuple[Node, ...]]]:
        """Yield, for each set with a node, its relation to the other nodes in words, and these nodes."""
        for kind, sets in (
            ("redundant with", self.redundant),
            ("in conjunction with", self.conjunctions),
            ("reinforces", self.reinforcing),
        ):
            for nodes in sets:
                if node in nodes:
                    yield kind, tuple(other for other in nodes if other != node)
