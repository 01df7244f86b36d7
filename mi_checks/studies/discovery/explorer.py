"""The measurements of discovery, in order, each on as many prompts and nodes as time allows."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from mi_checks.cache.cache_keys import measurement_key
from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.code_digest import code_digest
from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.checks.measurements import Measurements
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import AblationKind, Intervention, ablate, denoise, noise
from mi_checks.engine.nodes import Component, Node, all_nodes
from mi_checks.errors import MiChecksError
from mi_checks.models.loaded_model import LoadedModel
from mi_checks.output.progress import Progress, no_progress
from mi_checks.prompts.batch import PromptBatch
from mi_checks.spec.behaviour import Behaviour
from mi_checks.spec.scoring import score_unit
from mi_checks.stats.floor import Floats
from mi_checks.stats.intervals import NoEffectSize, mean_interval, require_effect_size
from mi_checks.studies.discovery.circuit_search import PrunedCircuit, prune
from mi_checks.studies.discovery.component_sweep import sweep_component
from mi_checks.studies.discovery.discovery_options import (
    CIRCUIT_SEARCH_PAIRS,
    PRELIMINARY_PAIRS,
    REDUCED_SWEEP_PAIRS,
    DiscoveryOptions,
)
from mi_checks.studies.discovery.discovery_prompts import DiscoveryPrompts
from mi_checks.studies.discovery.held_out_claims import insufficient_effect
from mi_checks.studies.discovery.joint_effects import JointEffects, NodeSet, find_joint_effects
from mi_checks.studies.discovery.mechanism import Mechanism, role_scores
from mi_checks.studies.discovery.node_effects import (
    NEURON_THRESHOLD_FACTOR,
    NodeEffects,
    measure_effects,
    unexplained_layers,
)
from mi_checks.studies.discovery.node_selection import gradient_estimates
from mi_checks.studies.discovery.path_effects import PathEffects, measure_paths
from mi_checks.studies.discovery.time_budget import ChunkedEngine, TimeBudget

# further source files that the cached estimates depend on, in addition to those of all measurements
ESTIMATE_SOURCES = ("studies/discovery/node_selection.py",)
MAX_HEADS_FOR_ALL_PAIRS = 24  # heads; in larger models only pairs with a node of known effect are measured
MAX_PAIRED_NEURONS = 8  # the strongest neurons, which are measured in pairs
MEAN_ABLATION_REMEDY = (
    "if all clean prompts have the relevant content in common, mean ablation does not remove it; use zero ablation, or "
    "swap the clean and the corrupted prompt in half of the pairs"
)
N_SEARCH_CIRCUITS = 100  # circuits that a search is expected to measure
MIN_JOINT_PAIRS, MAX_JOINT_PAIRS = 28, 190  # pairs of nodes measured together if there is no time for all
MIN_PATHS, MAX_PATHS = 64, 512  # interventions on paths if there is no time for all


class Explorer:
    """The measurements of a behaviour on a model, and the conclusions about which nodes implement it.

    Attributes:
        budget: the time that sweeps may take.
    """

    def __init__(
        self,
        behaviour: Behaviour,
        loaded_model: LoadedModel,
        prompts: DiscoveryPrompts,
        options: DiscoveryOptions,
        progress: Progress = no_progress,
        score: Callable[..., Any] | None = None,
        store: CacheStore | None = None,
    ) -> None:
        """Store what is given, without measuring anything; see `explore`."""
        self.behaviour = behaviour
        self.loaded_model = loaded_model
        self.prompts = prompts
        self.options = options
        self.budget = TimeBudget(options.exact_seconds)
        self._progress = progress
        self._score = score
        # it is unknown what a project's own score depends on, so it is not cached
        self._store = None if score is not None else store
        self._engines: list[ChunkedEngine] = []
        self._batches: dict[int, tuple[Measurements, ChunkedEngine]] = {}

    def measurements(self, behaviour: Behaviour, batch: PromptBatch) -> tuple[Measurements, ChunkedEngine]:
        """Return an object that measures a behaviour's claims on a batch of prompts, and its engine."""
        key = measurement_key(self.loaded_model, batch, "auto") if self._store is not None else ""
        engine = ChunkedEngine(
            lambda: choose_engine("auto", self.loaded_model, batch, no_progress, None, self._score),
            self._store,
            key,
            self._progress,
        )
        self._engines.append(engine)
        return Measurements(behaviour, self.loaded_model, batch, engine), engine

    def save(self) -> int:
        """Write all measurements to the cache, if there is one, and return their number."""
        for engine in self._engines:
            engine.save()
        return sum(engine.n_measurements for engine in self._engines) if self._store is not None else 0

    def discover_mechanism(self) -> Mechanism:
        """Measure the behaviour and return the result.

        Raises:
            MiChecksError: the model has no attention heads.
        """
        whole, _ = self._of_first(len(self.prompts.exploration))
        measured, engine = self._sweep_measurements()
        few, _ = self._of_first(min(PRELIMINARY_PAIRS, len(measured.batch)))
        above, at = self.options.above, measured.default_position
        kind: AblationKind = "mean" if self.prompts.equally_long else "zero"
        verification_ratio = len(self.prompts.held_out) / len(measured.batch)
        heads = sweep_component(
            measured,
            engine,
            "head",
            above,
            self.budget,
            lambda: self._gradient_fractions(measured, engine, "head"),
            verification_ratio,
        )
        if heads is None:
            raise MiChecksError(f"{self.loaded_model.name} has no attention heads to discover")
        neurons = sweep_component(
            measured, engine, "neuron", NEURON_THRESHOLD_FACTOR * above, self.budget,
            lambda: self._gradient_fractions(measured, engine, "neuron"), verification_ratio,
        )  # fmt: skip
        layers = [Node(layer, "mlp") for layer in range(self.loaded_model.shape.n_layers)]
        mlps = None if neurons is None else measure_effects(measured, layers, above, "MLP layers")
        senders = unexplained_layers(measured, mlps, neurons) if mlps is not None and neurons is not None else ()
        joint = self._joint_effects(measured, few, heads, neurons, kind)
        circuit, n_search_pairs = self._circuit(measured, heads, kind)
        mechanism = Mechanism(
            effect_size=mean_interval(whole.unpatched.effect_size, score_unit(whole.batch.score), whole.design),
            n_pairs=len(measured.batch),
            n_drawn_pairs=len(whole.batch),
            n_search_pairs=n_search_pairs,
            at=at,
            heads=heads,
            neurons=neurons,
            mlps=mlps,
            unexplained_layers=senders,
            ablation=kind,
            joint_effects=joint,
            paths=PathEffects(),
            circuit=circuit,
            roles={},
        )
        path_effects = measure_paths(
            measured, mechanism.nodes, senders, above,
            parallel=engine.engine.parallel,
            most=lambda interventions: self._affordable_paths(measured, engine, interventions),
            strength=mechanism.strength,
        )  # fmt: skip
        return replace(mechanism, paths=path_effects, roles=role_scores(self.loaded_model, mechanism.nodes))

    def _of_first(self, count: int) -> tuple[Measurements, ChunkedEngine]:
        """Return measurements on the first `count` prompt pairs, and their engine."""
        if count not in self._batches:
            batch = self.prompts.exploration
            batch = batch if len(batch) <= count else batch.select(slice(count))
            self._batches[count] = self.measurements(self.behaviour, batch)
        return self._batches[count]

    def refuse_no_effect(self, held_out: Measurements) -> None:
        """Raise if the clean and the corrupted runs do not differ enough, on either half of the prompts.

        Raises:
            MiChecksError: the effect size is not significantly above zero, or too small for the checks to detect it.
        """
        measured, _ = self._of_first(len(self.prompts.exploration))
        none = no_effect_reason(measured) or insufficient_effect(held_out, self.prompts.n_check_pairs)
        if none:
            raise MiChecksError(
                f"{self.behaviour.name} on {self.loaded_model.name}: there is nothing to discover: {none} "
                f"({len(measured.batch)} prompt pairs, seed {self.prompts.seed})"
            )

    def _sweep_measurements(self) -> tuple[Measurements, ChunkedEngine]:
        """Return measurements on all pairs, or on fewer if sweeps would take too long and these show the effect."""
        pairs = len(self.prompts.exploration)
        if pairs > REDUCED_SWEEP_PAIRS:
            few, engine = self._of_first(min(PRELIMINARY_PAIRS, pairs))
            interventions = _both_directions(all_nodes("head", self.loaded_model.shape), few.default_position)
            each = self.budget.seconds_each(few, engine, interventions) * pairs / len(few.batch)
            if not math.isinf(self.budget.limit_s) and each and not self.budget.allows(len(interventions), each):
                fewer = self._of_first(REDUCED_SWEEP_PAIRS)
                return self._of_first(pairs) if no_effect_reason(fewer[0]) else fewer
        return self._of_first(pairs)

    def _gradient_fractions(self, measured: Measurements, engine: ChunkedEngine, component: Component) -> Floats:
        """Return estimates by gradients, `estimate node`, as fractions of clean − corrupt."""
        shape, at = self.loaded_model.shape, measured.default_position
        components: tuple[Component, ...] = ("head", "neuron") if shape.d_mlp else ("head",)
        both = engine.cached_array(
            f"gradients of {components} at {at} by {code_digest(ESTIMATE_SOURCES, ())}",
            lambda made: gradient_estimates(made, components, at, self._progress),
        )
        heads = len(all_nodes("head", shape))
        own = both[:, :heads] if component == "head" else both[:, heads:]
        fractions: Floats = own / measured.unpatched.effect_size.mean()
        return fractions

    def _joint_effects(
        self,
        measured: Measurements,
        few: Measurements,
        heads: NodeEffects,
        neurons: NodeEffects | None,
        kind: AblationKind,
    ) -> JointEffects:
        few = measured if no_effect_reason(few) else few
        strongest = sorted({*heads.sufficient, *heads.needed}, key=lambda node: (-heads.strength(node), node))
        if neurons is not None:
            relevant = {*neurons.sufficient, *neurons.needed}
            strongest += sorted(relevant, key=lambda node: (-neurons.strength(node), node))[:MAX_PAIRED_NEURONS]
        all_heads = all_nodes("head", self.loaded_model.shape)
        pairs: list[NodeSet] = [
            pair
            for pair in combinations(sorted({*all_heads, *strongest}), 2)
            if (len(all_heads) <= MAX_HEADS_FOR_ALL_PAIRS and all(node.kind == "head" for node in pair))
            or any(node in strongest for node in pair)
        ]
        return find_joint_effects(
            measured, few, self._affordable_pairs(few, pairs, strongest, kind), kind, self.options.above,
            sufficient=[*heads.sufficient, *(neurons.sufficient if neurons else ())],
            needed=[*heads.needed, *(neurons.needed if neurons else ())],
        )  # fmt: skip

    def _affordable_pairs(
        self, few: Measurements, pairs: list[NodeSet], strongest: Sequence[Node], kind: AblationKind
    ) -> list[NodeSet]:
        """Return all pairs of nodes, or only those among the strongest nodes if all would take too long."""
        engine = next(made for measured, made in self._batches.values() if measured is few)
        n_methods = 3  # ablated, noised and denoised
        each = self.budget.seconds_each(few, engine, [ablate(*pair, kind=kind) for pair in pairs], timed=4)
        if self.budget.limit_s == 0 or not self.budget.allows(n_methods * len(pairs), each):
            count = 2
            most = self.budget.affordable(n_methods * each, MIN_JOINT_PAIRS, MAX_JOINT_PAIRS)
            while count < len(strongest) and (count + 1) * count / 2 <= most:
                count += 1
            return list(combinations(sorted(strongest[:count]), 2))
        return pairs

    def _circuit(self, measured: Measurements, heads: NodeEffects, kind: AblationKind) -> tuple[PrunedCircuit, int]:
        """Return a circuit, and the number of prompt pairs that it was searched on."""
        strength = dict.fromkeys(all_nodes("head", self.loaded_model.shape), 0.0)
        strength |= {node: heads.strength(node) for node in heads.recovers.sweep.nodes}
        few, engine = self._of_first(min(PRELIMINARY_PAIRS, len(measured.batch)))
        half = list(strength)[: len(strength) // 2]
        each = self.budget.seconds_each(few, engine, [ablate(*half, kind=kind)], timed=1) / len(few.batch)
        most_pairs = min(CIRCUIT_SEARCH_PAIRS, len(measured.batch))
        fitting = (
            size
            for size in (most_pairs, REDUCED_SWEEP_PAIRS)
            if N_SEARCH_CIRCUITS * each * size <= self.budget.limit_s / 2
        )
        pairs = next(fitting, PRELIMINARY_PAIRS) if each else most_pairs
        search, _ = self._of_first(pairs)
        search = measured if no_effect_reason(search) else search
        most = (
            self.budget.affordable(each * len(search.batch), N_SEARCH_CIRCUITS // 2, 100 * N_SEARCH_CIRCUITS)
            if each
            else None
        )
        whole, _ = self._of_first(len(self.prompts.exploration))
        pruned = prune(
            CircuitScores(search, kind=kind), CircuitScores(whole, kind=kind), strength, self.options.faithful,
            effect_size=float(measured.unpatched.effect_size.mean()), most=most,
        )  # fmt: skip
        if kind == "mean" and pruned.no_ablation_effect:
            pruned = replace(pruned, reason=f"{pruned.reason}; {MEAN_ABLATION_REMEDY}")
        return pruned, len(search.batch)

    def _affordable_paths(
        self, measured: Measurements, engine: ChunkedEngine, interventions: Sequence[Intervention]
    ) -> int:
        """Return how many interventions on paths there is time for."""
        each = self.budget.seconds_each(measured, engine, interventions)
        if self.budget.allows(len(interventions), each):
            return len(interventions)
        return self.budget.affordable(each, MIN_PATHS, MAX_PATHS)


def no_effect_reason(measured: Measurements) -> str:
    """Return why no fraction of clean − corrupt is defined, or "" if it is."""
    try:
        require_effect_size(measured.unpatched.effect_size, measured.design, floor=measured.floor)
    except NoEffectSize as none:
        return str(none)
    return ""


def minimality_circuits(
    measured: Measurements, engine: ChunkedEngine, mechanism: Mechanism, budget: TimeBudget
) -> int | None:
    """Return how many circuits there is time to measure on the held-out prompts; None for no limit."""
    nodes = mechanism.circuit.nodes
    if not nodes:
        return None
    universe = all_nodes("head", measured.loaded_model.shape)
    without_last = [ablate(*(node for node in universe if node not in nodes[:-1]), kind=mechanism.ablation)]
    each = budget.seconds_each(measured, engine, without_last, timed=1)
    return int(budget.limit_s / 2 / each) if each else None


def _both_directions(nodes: Sequence[Node], at: str | None) -> list[Intervention]:
    return [*(denoise(node, at=at) for node in nodes), *(noise(node, at=at) for node in nodes)]
