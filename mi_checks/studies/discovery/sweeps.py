"""Sweeps that patch every head or neuron alone, or a screened selection if that would take too long."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import Intervention, denoise, noise
from mi_checks.engine.nodes import Component, Node, all_nodes
from mi_checks.engine.readout import Floats
from mi_checks.spec.node_names import PLURAL
from mi_checks.studies.discovery.chunked_engine import ChunkedEngine
from mi_checks.studies.discovery.effects import Effects, effects
from mi_checks.studies.discovery.halving import Halved, halved
from mi_checks.studies.discovery.pace import Pace
from mi_checks.studies.discovery.screening import Screening, agreement, drawn_from, largest

MIN_CHOSEN, MAX_CHOSEN = 32, 128  # nodes that a screen selects, depending on the time
N_SAMPLED = 32  # other nodes, drawn at random, to see what the screen may have missed
MIN_GROUPS, MAX_GROUPS = 96, 1024  # groups of neurons patched in each direction

Estimated = Callable[[], Floats]  # returns `estimate node`, fractions of clean − corrupt; computed when first needed


def swept(
    measured: Measurements,
    engine: ChunkedEngine,
    component: Component,
    above: float,
    pace: Pace,
    estimated: Estimated,
    again: float = 0.0,
) -> Effects | None:
    """Patch all nodes of a component in both directions, or a screened selection of them; None if there are none.

    Args:
        measured: the behaviour on the model.
        engine: the engine that measures it.
        component: heads or neurons.
        above: the threshold, a fraction of clean − corrupt.
        pace: the time that sweeps may take.
        estimated: returns estimates for all nodes.
        again: the number of prompt pairs on which all nodes are denoised again for verification, as a multiple of those
            here.
    """
    nodes = all_nodes(component, measured.loaded_model.shape)
    if not nodes:
        return None
    each = pace.seconds_each(measured, engine, _both_ways(nodes, measured.everywhere))
    few = len(nodes) <= MIN_CHOSEN + N_SAMPLED  # a screen would select all of them
    count = math.ceil((2 + again) * len(nodes))
    if few or pace.allows(count, each):
        return effects(measured, nodes, above, PLURAL[component])
    return _screened(measured, component, nodes, above, pace, each, count * each, estimated())


def _screened(
    measured: Measurements,
    component: Component,
    nodes: Sequence[Node],
    above: float,
    pace: Pace,
    each: float,
    seconds: float,
    estimates: Floats,
) -> Effects:
    """Patch the nodes with the largest estimates, those that exact halving finds, and a random sample of the others."""
    by_gradient = largest(estimates, pace.affordable(2 * each, MIN_CHOSEN, MAX_CHOSEN))
    groups = Halved((), 0, unfinished=False)
    if component == "neuron":
        layers = [
            [node for node in nodes if node.layer == layer] for layer in range(measured.loaded_model.shape.n_layers)
        ]
        groups = halved(measured, layers, above, pace.affordable(2 * each, MIN_GROUPS, MAX_GROUPS))
    place = {node: i for i, node in enumerate(nodes)}
    by_halving = [place[node] for node in groups.nodes if place[node] not in by_gradient][:MAX_CHOSEN]
    chosen = {*by_gradient, *by_halving}
    sample = drawn_from([i for i in range(len(nodes)) if i not in chosen], N_SAMPLED, seed=len(nodes))
    patched = sorted({*chosen, *sample})
    patched_effects = effects(measured, [nodes[i] for i in patched], above, PLURAL[component], among=len(nodes))
    exact = {"recovers": patched_effects.recovers.sweep.shares, "removes": patched_effects.removes.sweep.shares}
    own = estimates[:, patched]
    is_sampled = np.isin(patched, sample)
    screening = Screening(
        screened=len(nodes),
        seconds=seconds,
        by_gradient=len(by_gradient),
        by_halving=len(by_halving),
        unfinished=groups.unfinished,
        sampled=len(sample),
        missed=max((float(np.abs(values[is_sampled]).max()) for values in exact.values() if len(sample)), default=0.0),
        agreement=tuple(agreement(what, own[row], exact[what]) for row, what in enumerate(("recovers", "removes"))),
    )
    return Effects(patched_effects.recovers, patched_effects.removes, screening)


def _both_ways(nodes: Sequence[Node], at: str | None) -> list[Intervention]:
    return [*(denoise(node, at=at) for node in nodes), *(noise(node, at=at) for node in nodes)]
