"""Measurements that follow from other ones: of a mutant from those of the model, of some prompts from those of all.

Each source answers what it can derive and asks an engine for the rest. The tests compare what is derived with what the
engine measures on the mutant.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import cached_property

import numpy as np

from mi_checks.checks.measurements import Measurements, MeasurementSource
from mi_checks.engine.clean_run_quantities import AttentionBetweenLabels
from mi_checks.engine.composition import InputFraction
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.engine import Quantity
from mi_checks.engine.intervention_quantities import EdgeScores, InterventionChanges, InterventionScores
from mi_checks.engine.interventions import EdgeCircuit, Hop, Intervention
from mi_checks.engine.nodes import Node
from mi_checks.engine.readout import SideRun, UnpatchedRuns
from mi_checks.mutants.exchange_partners import group_size
from mi_checks.mutants.mutation import Mutation
from mi_checks.mutants.node_mutations import ExchangedHeads
from mi_checks.stats.floor import Floats
from mi_checks.stats.interval_cache import IntervalCache


class FirstPrompts:
    """The measurements of a model on the first prompts of a batch, taken from those of all prompts if it has them."""

    def __init__(self, whole: Measurements, count: int, engine: MeasurementSource) -> None:
        """Measure nothing yet.

        Args:
            whole: the measurements of the model on all prompts.
            count: the number of prompts.
            engine: measures the first `count` prompts.
        """
        self._whole = whole
        self._count = count
        self._engine = engine

    @cached_property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run."""
        whole = self._whole.unpatched
        return UnpatchedRuns(_first(whole.clean, self._count), _first(whole.corrupt, self._count))

    @property
    def intervals(self) -> IntervalCache:
        """Return the cache of confidence intervals."""
        return self._engine.intervals

    def measure(self, quantity: Quantity) -> Floats:
        """Measure a quantity; what the whole batch has is not measured again."""
        if isinstance(quantity, AttentionBetweenLabels):
            return self._whole.measure(quantity)[:, : self._count]
        if not isinstance(quantity, InterventionScores):
            return self._engine.measure(quantity)
        known = {
            each: scores[: self._count]
            for each in quantity.interventions
            if not _depends_on_other_prompts(each) and (scores := self._whole.known_scores(each)) is not None
        }
        rows = [row for row, each in enumerate(quantity.interventions) if each not in known]
        if rows:
            measured = self._engine.measure(quantity.select_rows(rows))
            known |= {quantity.interventions[row]: scores for row, scores in zip(rows, measured, strict=True)}
        return np.stack([known[each] for each in quantity.interventions])


def _depends_on_other_prompts(intervention: Intervention) -> bool:
    return intervention.value in ("mean", "resample")


def _first(run: SideRun, count: int) -> SideRun:
    return SideRun(**{part.name: getattr(run, part.name)[:count] for part in fields(SideRun)})


class ExchangedModel:
    """The measurements of a model whose heads changed places: those of the model itself, with the heads renamed."""

    def __init__(self, own: Measurements, mutation: ExchangedHeads, mutant: Callable[[], MeasurementSource]) -> None:
        """Measure nothing yet.

        Args:
            own: the measurements of the model itself.
            mutation: the heads that changed places.
            mutant: returns the engine of the mutant, for quantities that do not follow from the model's own.
        """
        self._own = own
        self._mutation = mutation
        self._mutant = mutant

    @property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run, which an exchange does not change."""
        return self._own.unpatched

    @property
    def intervals(self) -> IntervalCache:
        """Return the cache of confidence intervals."""
        return self._own.intervals

    def measure(self, quantity: Quantity) -> Floats:
        """Measure a quantity of the renamed heads."""
        node = self._renamed_node
        match quantity:
            case InterventionScores():
                return self._own.logit_diffs([self._renamed(each) for each in quantity.interventions], "mutants")
            case EdgeScores():
                return self._own.edge_circuits([self._renamed_edges(each) for each in quantity.circuits])
            case InterventionChanges():
                return self._own.measure(replace(quantity, intervention=self._renamed(quantity.intervention)))
            case AttentionBetweenLabels():
                return self._own.measure(replace(quantity, head=node(quantity.head)))
            case DirectEffects():
                return self._own.measure(replace(quantity, nodes=tuple(map(node, quantity.nodes))))
            case InputFraction():
                return self._own.measure(
                    replace(quantity, sender=node(quantity.sender), receiver=node(quantity.receiver))
                )
        return self._mutant().measure(quantity)

    def _renamed(self, intervention: Intervention) -> Intervention:
        nodes, into, *onward = map(self._renamed_hop, (intervention.nodes, intervention.into, *intervention.onward))
        return replace(intervention, nodes=nodes, into=into, onward=tuple(onward))

    def _renamed_hop(self, nodes: Hop) -> Hop:
        return tuple(sorted(map(self._renamed_node, nodes)))  # sorted: one set of nodes is one intervention

    def _renamed_node(self, node: Node) -> Node:
        return self._mutation.renamed(node, group_size(self._own.loaded_model.shape))

    def _renamed_edges(self, circuit: EdgeCircuit) -> EdgeCircuit:
        node = self._renamed_node
        return replace(circuit, edges=tuple((node(sender), node(receiver)) for sender, receiver in circuit.edges))


class SilentNodesModel:
    """The measurements of a mutant in which some nodes write nothing, so that patching them changes nothing."""

    def __init__(self, mutation: Mutation, mutant: MeasurementSource) -> None:
        """Measure nothing yet; `mutant` is the engine of the mutant."""
        self._mutation = mutation
        self._mutant = mutant

    @property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run."""
        return self._mutant.unpatched

    @property
    def intervals(self) -> IntervalCache:
        """Return the cache of confidence intervals."""
        return self._mutant.intervals

    def measure(self, quantity: Quantity) -> Floats:
        """Measure a quantity; of interventions, those on nodes that write something."""
        if not isinstance(quantity, InterventionScores):
            return self._mutant.measure(quantity)
        interventions = [self._without_silent_nodes(each) for each in quantity.interventions]
        acting = tuple(dict.fromkeys(each for each in interventions if each.nodes))
        scores: dict[Intervention, Floats] = {}
        if acting:
            scores.update(zip(acting, self._mutant.measure(replace(quantity, interventions=acting)), strict=True))
        return np.stack(
            [scores[each] if each.nodes else getattr(self.unpatched, each.run).logit_diff for each in interventions]
        )

    def _without_silent_nodes(self, intervention: Intervention) -> Intervention:
        nodes = tuple(node for node in intervention.nodes if not self._mutation.silences(node))
        return replace(intervention, nodes=nodes)
