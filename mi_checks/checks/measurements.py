"""All measurements of one behaviour on one model, each made once however many checks read it."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple, Protocol, cast

import numpy as np

from mi_checks.engine.choose_engine import replayable_model
from mi_checks.engine.composition import composition_scores, random_composition_scores
from mi_checks.engine.engine import Quantity
from mi_checks.engine.intervention_quantities import EdgeScores, InterventionScores
from mi_checks.engine.interventions import EdgeCircuit, Intervention, denoise
from mi_checks.engine.nodes import Component, Kind, Node, all_nodes, parse_node
from mi_checks.engine.readout import UnpatchedRuns
from mi_checks.engine.transformer import Transformer
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.prompts.batch import END, PromptBatch
from mi_checks.results.evidence import Rank
from mi_checks.spec import node_names
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.check import NodeNames, id_text, names
from mi_checks.spec.model_validation import out_of_range
from mi_checks.spec.node_names import COMPONENT_PLURALS, expand_nodes, leaf_names
from mi_checks.spec.problems import comma_list
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.floor import Floats, RoundingFloor
from mi_checks.stats.interval_cache import IntervalCache
from mi_checks.stats.intervals import ratio_intervals
from mi_checks.stats.sampling import SamplingDesign

N_RANDOM_PAIRS = 1000  # pairs of random matrices that composition scores are compared with


class MeasurementSource(Protocol):
    """An engine, or a cached engine in front of one."""

    @property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run."""

    @property
    def intervals(self) -> IntervalCache:
        """Return the cache of confidence intervals."""

    def measure(self, quantity: Quantity) -> Floats:
        """Measure a quantity, as `Engine.measure` does."""


class SweepPlace(NamedTuple):
    """What is swept, and where it is patched.

    Attributes:
        component: the kind of node.
        layers: the layers; None for all.
        at: the label patched at; None for all positions.
    """

    component: Component
    layers: tuple[int, ...] | None = None
    at: str | None = None


@dataclass(frozen=True)
class Sweep:
    """The fraction that each of many single nodes recovers when it is denoised alone.

    Attributes:
        nodes: what was swept.
        at: the label patched at, or None for all positions.
        recovered: patched − corrupt logit difference, `node prompt`.
        effect_size: clean − corrupt logit difference, `prompt`.
        design: how the prompts were drawn.
        floor: the size of a difference that rounding may produce; None for zero.
        cache: the cache of confidence intervals.
    """

    nodes: tuple[Node, ...]
    at: str | None
    recovered: Floats
    effect_size: Floats
    design: SamplingDesign
    floor: RoundingFloor | None = None
    cache: IntervalCache | None = field(default=None, compare=False)

    @property
    def fractions(self) -> Floats:
        """Return the fraction recovered by each node, a ratio of means, `node`."""
        fractions: Floats = self.recovered.mean(1) / self.effect_size.mean()
        return fractions

    @cached_property
    def estimates(self) -> list[Estimate]:
        """Return the fraction recovered by each node with its interval, `node`.

        Raises:
            NoEffectSize: clean − corrupt is not above zero, so that no fraction of it is defined.
        """
        return self.estimates_of(range(len(self.nodes)))

    def estimates_of(self, places: Sequence[int]) -> list[Estimate]:
        """Return the fractions that some of the nodes recover, with intervals.

        Raises:
            NoEffectSize: clean − corrupt is not above zero, so that no fraction of it is defined.
        """
        rows = self.recovered[np.array(places, dtype=np.int64)]
        return ratio_intervals(rows, self.effect_size, self.design, floor=self.floor, cache=self.cache)

    def without(self, nodes: Collection[Node]) -> Sweep:
        """Return the sweep of the other nodes."""
        places = [place for place, node in enumerate(self.nodes) if node not in nodes]
        return replace(self, nodes=tuple(self.nodes[place] for place in places), recovered=self.recovered[places])

    def strongest(self, count: int) -> list[tuple[Node, Estimate]]:
        """Return the nodes that recover the most, with intervals.

        Raises:
            NoEffectSize: clean − corrupt is not above zero, so that no fraction of it is defined.
        """
        places = self.fractions.argsort()[::-1][:count].tolist()
        return list(zip([self.nodes[place] for place in places], self.estimates_of(places), strict=True))


@dataclass(frozen=True)
class MeasuredCurve:
    """The scores of circuits of several sizes.

    Attributes:
        sizes: the number of nodes in each circuit; the last has all.
        restored_scores: m(C) − m(∅), `size prompt`.
        span: m(M) − m(∅), `prompt`.
        design: how the prompts were drawn.
        floor: the size of a difference that rounding may produce.
    """

    sizes: tuple[int, ...]
    restored_scores: Floats
    span: Floats
    design: SamplingDesign
    floor: RoundingFloor


class Measurements:
    """The measurements of a behaviour on a model: made on first use, then stored. Not thread-safe."""

    def __init__(
        self,
        behaviour: Behaviour,
        loaded_model: LoadedModel,
        batch: PromptBatch,
        engine: MeasurementSource,
        roles: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Begin with nothing measured; `roles` are the nodes that the behaviour's roles are bound to on this model."""
        self.behaviour = behaviour
        self.loaded_model = loaded_model
        self.batch = batch
        self._engine = engine
        # A ChainMap and not a dict: a role is bound to its nodes only when they are first needed.
        self._bound = ChainMap(dict(behaviour.sets_for(loaded_model.name)), cast("dict[str, NodeNames]", roles or {}))
        self._measured: dict[Intervention, Floats] = {}
        self._quantities: dict[Quantity, Floats] = {}
        self._sweeps: dict[SweepPlace, Sweep] = {}
        self._shown_sweeps: dict[SweepPlace, Sweep] = {}
        self.curves: dict[tuple[str, str], MeasuredCurve] = {}  # by universe and kind of ablation
        self._edge_circuits: dict[EdgeCircuit, Floats] = {}
        self._composition: dict[str, tuple[Floats, Floats]] = {}
        self._model: Transformer | None = None  # None for the weights of the loaded model
        self._only: frozenset[Node] | None = None

    def with_engine(
        self, engine: MeasurementSource, model: Transformer | None = None, only: Collection[Node] | None = None
    ) -> Measurements:
        """Return empty measurements of the same behaviour and prompts by another engine.

        Args:
            engine: the engine that measures.
            model: the weights that the engine runs; None for those of the loaded model.
            only: the nodes to which sweeps are restricted; None for all.
        """
        other = Measurements(self.behaviour, self.loaded_model, self.batch, engine)
        other._bound = self._bound
        other._model = model
        other._only = None if only is None else frozenset(only)
        return other

    def with_batch(self, batch: PromptBatch) -> Measurements:
        """Return empty measurements of the same behaviour on other prompts; `with_engine` then sets their engine."""
        other = Measurements(self.behaviour, self.loaded_model, batch, self._engine)
        other._bound = self._bound
        return other

    @cached_property
    def unpatched(self) -> UnpatchedRuns:
        """Return the clean and the corrupted run."""
        return self._engine.unpatched

    @property
    def intervals(self) -> IntervalCache:
        """Return the cache of confidence intervals."""
        return self._engine.intervals

    @cached_property
    def design(self) -> SamplingDesign:
        """Return how the prompts were drawn."""
        return SamplingDesign(len(self.batch), self.batch.factors)

    @cached_property
    def floor(self) -> RoundingFloor:
        """Return the size of a difference of two scores that rounding alone may produce."""
        return RoundingFloor(self.unpatched.rounding, score_unit(self.batch.score))

    @property
    def example_pairs(self) -> dict[Rank, int]:
        """Return the indices of the pairs with the median, the largest and the smallest effect size."""
        order = np.argsort(self.unpatched.effect_size, kind="stable").tolist()
        places: dict[Rank, int] = {"median": order[(len(order) - 1) // 2], "best": order[-1], "worst": order[0]}
        return {rank: place for rank, place in places.items() if rank == "median" or place != places["median"]}

    def measure(self, quantity: Quantity) -> Floats:
        """Measure a quantity, or return the stored measurement; see `Engine.measure`."""
        if quantity not in self._quantities:
            self._quantities[quantity] = self._engine.measure(quantity)
        return self._quantities[quantity]

    def logit_diff(self, intervention: Intervention) -> Floats:
        """Return the logit difference under an intervention, `prompt`."""
        if intervention not in self._measured:
            self._measured[intervention] = self._engine.measure(InterventionScores((intervention,)))[0]
        return self._measured[intervention]

    def logit_diffs(self, interventions: Sequence[Intervention], title: str) -> Floats:
        """Return the logit differences under many interventions, `intervention prompt`."""
        new = [each for each in dict.fromkeys(interventions) if each not in self._measured]
        if new:
            full_title = f"{self.behaviour.name} {self.loaded_model.name}: {title}"
            scores = self._engine.measure(InterventionScores(tuple(new), full_title))
            self._measured.update(zip(new, scores, strict=True))
        return np.stack([self._measured[each] for each in interventions])

    def known_scores(self, intervention: Intervention) -> Floats | None:
        """Return the logit differences under an intervention, `prompt`, if they have been measured; otherwise None."""
        return self._measured.get(intervention)

    def sweep(self, component: Component, layers: tuple[int, ...] | None = None, at: str | None = None) -> Sweep:
        """Denoise every head, part of a head or neuron of the layers, one at a time."""
        place = SweepPlace(component, layers, at)
        if place not in self._sweeps:
            nodes = tuple(all_nodes(component, self.loaded_model.shape, layers))
            if self._only is not None:
                nodes = tuple(node for node in nodes if node in self._only)
            self._sweeps[place] = self.sweep_of(nodes, at, COMPONENT_PLURALS[component])
        return self._sweeps[place]

    def sweep_of(self, nodes: Sequence[Node], at: str | int | None, title: str) -> Sweep:
        """Denoise the given nodes, one at a time; the sweep is not added to `sweeps`."""
        patched = self.logit_diffs([denoise(node, at=at) for node in nodes], title)
        where = None if at is None else str(at)
        recovered = patched - self.unpatched.corrupt.logit_diff
        effect_size = self.unpatched.effect_size
        return Sweep(tuple(nodes), where, recovered, effect_size, self.design, self.floor, self.intervals)

    def nodes(self, expression: NodeNames) -> tuple[Node, ...]:
        """Return the nodes of an expression on this model.

        Raises:
            MiChecksError: the expression or a role in it has no nodes on this model; or a node is outside the model,
                or named twice.
        """
        for name in names(expression):
            for part in leaf_names(name):
                if not names(self._bound.get(part, part)):
                    raise MiChecksError(f"the role {part!r} is not bound to any node of {self.loaded_model.name}")
        shape = self.loaded_model.shape
        expanded = expand_nodes(expression, self._bound, shape)
        for node in expanded:  # for models that the file names, collection has reported this already
            place = node_names.parse_node(node)
            missing = None if place is None else out_of_range(place, shape)
            if missing:
                raise MiChecksError(
                    f"{comma_list(names(expression))!r}: {self.loaded_model.name} has {missing}, so "
                    f"{node} does not exist"
                )
        if names(expression) and not expanded:
            raise MiChecksError(f"{comma_list(names(expression))!r} does not name any node of {self.loaded_model.name}")
        repeated = next((node for node in expanded if expanded.count(node) > 1), None)
        if repeated is not None:
            raise MiChecksError(
                f"{id_text(expression)} names {repeated} twice on {self.loaded_model.name}; name each node once"
            )
        return tuple(map(parse_node, expanded))

    def edge_circuits(self, circuits: Sequence[EdgeCircuit]) -> Floats:
        """Return the scores of circuits given by their edges, `circuit prompt`."""
        new = [each for each in dict.fromkeys(circuits) if each not in self._edge_circuits]
        if new:
            title = f"{self.behaviour.name} {self.loaded_model.name}: edges"
            self._edge_circuits.update(zip(new, self._engine.measure(EdgeScores(tuple(new), title)), strict=True))
        return np.stack([self._edge_circuits[each] for each in circuits])

    def composition(self, kind: Kind) -> tuple[Floats, Floats]:
        """Return the composition scores by queries, keys or values, and those of pairs of random matrices.

        Returns:
            `sender_layer sender receiver_layer receiver`, and `pair` (`N_RANDOM_PAIRS`).

        Raises:
            MiChecksError: the model's weights are not known.
        """
        model = self._model or replayable_model(self.loaded_model)
        if model is None:
            raise MiChecksError(
                f"{self.loaded_model.name}: composition scores need the replay engine, which does not support this "
                "model; measure composition on the prompts instead (key 'at')"
            )
        if kind not in self._composition:
            self._composition[kind] = composition_scores(model, kind), random_composition_scores(model, N_RANDOM_PAIRS)
        return self._composition[kind]

    @property
    def default_position(self) -> str | None:
        """Return where nodes are patched by default: at all positions (None), or at END if prompts align by labels."""
        return END if self.batch.by_labels else None

    @property
    def sweeps(self) -> Mapping[SweepPlace, Sweep]:
        """Return the sweeps made so far, also those that no check reads, which may be of fewer prompts."""
        return {**self._shown_sweeps, **self._sweeps}

    def show_sweep(self, place: SweepPlace, on_few: Callable[[], Measurements]) -> None:
        """Add a sweep on few of the prompts, which no check reads, unless this place has already been swept.

        Args:
            place: what is swept, and where.
            on_few: returns the same claims on few of the prompts.
        """
        if place not in self._sweeps and place not in self._shown_sweeps:
            self._shown_sweeps[place] = on_few().sweep(*place)
