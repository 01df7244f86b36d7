"""The mechanism that discovery finds on one half of its prompts, and descriptions of its nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.interventions import AblationKind
from mi_checks.engine.nodes import Node
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.roles.role_scores import role_score
from mi_checks.spec.problems import comma_list
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.discovery.circuit_search import PrunedCircuit
from mi_checks.studies.discovery.joint_effects import JointEffects
from mi_checks.studies.discovery.node_effects import NodeEffects
from mi_checks.studies.discovery.path_effects import PathEffects

MAX_PLAUSIBLE_FRACTION = 1.25  # fraction of the whole; a larger effect mostly says that another node cancels part of it
EXCESS_WARNING = "warning: exceeds the whole effect, so something else cancels part of it"
SCORE_NAMES = ("previous_token", "duplicate_token", "induction")  # scores of attention patterns, from 0 to 1
MIN_ROLE_SCORE = 0.3


@dataclass(frozen=True)
class Mechanism:
    """The result of discovery for one behaviour on one model.

    Attributes:
        effect_size: the effect size, the clean − corrupt logit difference.
        n_pairs: the number of prompt pairs on which nodes and paths were patched.
        n_drawn_pairs: the number of prompt pairs drawn for discovery; more than `n_pairs` if all would have taken too
            long.
        n_search_pairs: the number of prompt pairs on which circuits were searched.
        at: the label at which nodes are patched; None for all positions.
        heads: the effects of heads, each alone.
        neurons: the effects of neurons, each alone; None in a model without neurons.
        mlps: the effects of whole MLP layers, each alone; None in a model without MLPs.
        unexplained_layers: MLP layers with an effect that their discovered neurons do not account for.
        ablation: the kind of ablation: mean, or zero if the prompts are not equally long.
        joint_effects: sets of nodes with a much larger effect together: redundant copies and conjunctions.
        paths: the paths that transmit the behaviour, and those that oppose it.
        circuit: the circuit at the end of greedy pruning.
        roles: maps a discovered head to the roles for which it scores enough on probe prompts, with the scores.
    """

    effect_size: Estimate
    n_pairs: int
    n_drawn_pairs: int
    n_search_pairs: int
    at: str | None
    heads: NodeEffects
    neurons: NodeEffects | None
    mlps: NodeEffects | None
    unexplained_layers: tuple[Node, ...]
    ablation: AblationKind
    joint_effects: JointEffects
    paths: PathEffects
    circuit: PrunedCircuit
    roles: Mapping[Node, Mapping[str, float]]

    @property
    def component_effects(self) -> tuple[NodeEffects, ...]:
        """Return the effects of heads, neurons and MLP layers, as far as the model has them."""
        return tuple(each for each in (self.heads, self.neurons, self.mlps) if each is not None)

    @property
    def mediating_neurons(self) -> tuple[Node, ...]:
        """Return the neurons that are each sufficient alone, strongest first."""
        return self.neurons.sufficient if self.neurons is not None else ()

    @property
    def redundant(self) -> tuple[tuple[Node, ...], ...]:
        """Return the sets of redundant copies."""
        return tuple(joint.nodes for joint in self.joint_effects.redundant)

    @property
    def conjunctions(self) -> tuple[tuple[Node, ...], ...]:
        """Return the sets of nodes that need each other."""
        return tuple(joint.nodes for joint in self.joint_effects.conjunctions)

    @property
    def reinforcing(self) -> tuple[tuple[Node, ...], ...]:
        """Return the sets of nodes that reinforce each other."""
        return tuple(joint.nodes for joint in self.joint_effects.reinforcing)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Return every discovered head and neuron, with an effect of its own or in a set, in the order of the model."""
        neurons = self.neurons.nodes if self.neurons is not None else ()
        together = (node for nodes in (*self.redundant, *self.conjunctions, *self.reinforcing) for node in nodes)
        return tuple(sorted({*self.heads.nodes, *neurons, *together}))

    @property
    def edges(self) -> tuple[tuple[Node, Node], ...]:
        """Return every discovered path as its sender and the node that reads it, opposing paths included."""
        paths = (*self.paths.transmitting, *self.paths.opposing)
        return tuple((edge.sender, reader) for edge in paths for reader in edge.into)

    def effects_of(self, node: Node) -> NodeEffects | None:
        """Return the effects that include those of a node; None if it was not patched alone."""
        return next((each for each in self.component_effects if node in each.recovers.sweep.nodes), None)

    def strength(self, node: Node) -> float:
        """Return the larger of a node's two effects in absolute value; 0 if it was not patched alone."""
        effects = self.effects_of(node)
        return 0.0 if effects is None else effects.strength(node)

    def relations_of(self, node: Node) -> Iterator[tuple[str, tuple[Node, ...]]]:
        """Yield, for each set with a node, its relation to the other nodes in words, and these nodes."""
        for kind, sets in (
            ("redundant with", self.redundant),
            ("in conjunction with", self.conjunctions),
            ("reinforces", self.reinforcing),
        ):
            for nodes in sets:
                if node in nodes:
                    yield kind, tuple(other for other in nodes if other != node)


def exceeds_whole(estimate: Estimate) -> bool:
    """Return whether an effect is significantly larger than the whole, in either direction."""
    return estimate.low > MAX_PLAUSIBLE_FRACTION or estimate.high < -MAX_PLAUSIBLE_FRACTION


def describe_node(node: Node, mechanism: Mechanism) -> str:
    """Return a description of a node: it mediates, is needed, suppresses, is redundant, or is part of a conjunction."""
    effects = mechanism.effects_of(node)
    clauses = []
    if effects is not None:
        sufficient, needed = node in effects.sufficient, node in effects.needed
        if sufficient:
            clauses.append("mediates, and is needed" if needed else "mediates, but is not needed alone")
        elif needed:
            clauses.append("needed, but not sufficient alone")
        if node in effects.suppressing:
            clauses.append("suppresses the behaviour")
        if any(exceeds_whole(each.fraction(node)) for each in (effects.recovers, effects.removes)):
            clauses.append("exceeds the whole effect, so something else cancels part of it")
    for kind, others in mechanism.relations_of(node):
        clauses.append(f"{kind} {comma_list(others)}")
    return "; ".join(clauses) or "no effect of its own"


def role_scores(loaded_model: LoadedModel, nodes: Sequence[Node]) -> Mapping[Node, Mapping[str, float]]:
    """Map each head to the roles for which it scores enough, highest first; empty if a model is too small to probe."""
    heads = [node for node in nodes if node.kind == "head"]
    try:
        scores = (
            {name: role_score(name, loaded_model, replayable_model(loaded_model)) for name in SCORE_NAMES}
            if heads
            else {}
        )
    except MiChecksError:
        return {}
    roles_of: dict[Node, Mapping[str, float]] = {}
    for head in heads:
        own = {name: float(of_all[head.layer, head.index or 0]) for name, of_all in scores.items()}
        ranked = sorted(own.items(), key=lambda item: -item[1])
        roles_of[head] = {name: value for name, value in ranked if value >= MIN_ROLE_SCORE}
    return {head: roles for head, roles in roles_of.items() if roles}
