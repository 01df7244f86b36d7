"""What discovery has found on one half of its prompts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mi_checks.engine.interventions import Ablated
from mi_checks.engine.nodes import Node
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.discovery.effects import Effects
from mi_checks.studies.discovery.groups import Groups
from mi_checks.studies.discovery.paths import Paths
from mi_checks.studies.discovery.pruning import Pruned


@dataclass(frozen=True)
class Found:
    """Everything found of one behaviour on one model.

    Attributes:
        gap: the clean − corrupt logit difference.
        pairs: the prompt pairs that nodes and paths were patched on.
        drawn: the prompt pairs drawn to discover on: more than `pairs` where all would have taken too long.
        searched: the prompt pairs that circuits were searched on.
        at: the label that nodes are patched at; None for all positions.
        heads: what heads do, each alone.
        neurons: what neurons do, each alone; None in a model without any.
        mlps: what MLP layers do as a whole, each alone; None in a model without any.
        unaccounted: MLP layers that matter and whose effect the neurons found do not have.
        ablated_by: what is put in the place of what is ablated: the mean, or zero where prompts are not equally long.
        groups: nodes that do much more together: redundant copies and conjunctions.
        paths: which paths carry the behaviour, and which work against it.
        circuit: the circuit that greedy pruning ends with.
        roles: found head → the roles that it scores enough for on probe prompts, with the scores.
    """

    gap: Estimate
    pairs: int
    drawn: int
    searched: int
    at: str | None
    heads: Effects
    neurons: Effects | None
    mlps: Effects | None
    unaccounted: tuple[Node, ...]
    ablated_by: Ablated
    groups: Groups
    paths: Paths
    circuit: Pruned
    roles: Mapping[Node, Mapping[str, float]]

    @property
    def parts(self) -> tuple[Effects, ...]:
        """The effects of heads, neurons and MLP layers, of those there are."""
        return tuple(each for each in (self.heads, self.neurons, self.mlps) if each is not None)

    @property
    def mediating_neurons(self) -> tuple[Node, ...]:
        """The neurons that are each sufficient alone, strongest first."""
        return self.neurons.sufficient if self.neurons is not None else ()

    @property
    def redundant(self) -> tuple[tuple[Node, ...], ...]:
        """The sets of redundant copies."""
        return tuple(joint.nodes for joint in self.groups.redundant)

    @property
    def conjunctions(self) -> tuple[tuple[Node, ...], ...]:
        """The sets of nodes that need each other."""
        return tuple(joint.nodes for joint in self.groups.conjunctions)

    @property
    def reinforcing(self) -> tuple[tuple[Node, ...], ...]:
        """The sets of nodes that reinforce each other."""
        return tuple(joint.nodes for joint in self.groups.reinforcing)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every head and neuron found, by its own effect or as one of a set, in the order of the model."""
        neurons = self.neurons.nodes if self.neurons is not None else ()
        together = (node for nodes in (*self.redundant, *self.conjunctions, *self.reinforcing) for node in nodes)
        return tuple(sorted({*self.heads.nodes, *neurons, *together}))

    @property
    def edges(self) -> tuple[tuple[Node, Node], ...]:
        """Every path found, those that work against the behaviour among them, as sender and what reads it."""
        paths = (*self.paths.found, *self.paths.against)
        return tuple((edge.sender, reader) for edge in paths for reader in edge.into)

    def effects_of(self, node: Node) -> Effects | None:
        """Return the effects that a node's own are among; None if it was not patched alone."""
        return next((each for each in self.parts if node in each.recovers.sweep.nodes), None)

    def strength(self, node: Node) -> float:
        """Return the larger of a node's two effects in absolute value; 0 if it was not patched alone."""
        effects = self.effects_of(node)
        return 0.0 if effects is None else effects.strength(node)

    def joints_of(self, node: Node) -> Iterator[tuple[str, tuple[Node, ...]]]:
        """Yield in words what each set is that a node is one of, and the set's other nodes."""
        for kind, sets in (
            ("redundant with", self.redundant),
            ("in conjunction with", self.conjunctions),
            ("reinforces", self.reinforcing),
        ):
            for nodes in sets:
                if node in nodes:
                    yield kind, tuple(other for other in nodes if other != node)
