"""Whether the neurons found stand for their MLP layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.studies.discovery.effects import Effects

SMALLER = 0.5  # of the threshold for heads: a neuron is a smaller part of a model
NEARLY_ALL = 0.1  # of the larger of a layer's two effects: by how much its neurons together may differ from it


def unaccounted(measured: Measurements, layers: Effects, neurons: Effects) -> tuple[Node, ...]:
    """Return the MLP layers that matter and whose effect the neurons found in them, patched together, do not have.

    Together, as what each does alone may add up to anything: one that overshoots would hide all others of its layer.
    Too much is as little accounted for as too little.

    Args:
        measured: the behaviour on the model.
        layers: the effects of whole MLP layers.
        neurons: the effects of neurons.
    """
    found = {node.layer: [neuron for neuron in neurons.nodes if neuron.layer == node.layer] for node in layers.nodes}
    whole = [node for node in layers.nodes if found[node.layer]]
    without = [node for node in layers.nodes if not found[node.layer]]
    apart = [node for node in whole if not _alike(measured, node, found[node.layer])]
    return tuple(sorted([*without, *apart]))


def _alike(measured: Measurements, layer: Node, neurons: Sequence[Node]) -> bool:
    """Return whether patching the neurons together does what patching the layer does, in both directions."""
    at, base = measured.everywhere, measured.base
    moved = []
    for patch, start in ((denoise, base.corrupt.logit_diff), (noise, base.clean.logit_diff)):
        both = measured.logit_diffs([patch(*neurons, at=at), patch(layer, at=at)], "neurons of MLP layers")
        moved.append((both - start).mean(1))
    together, own = np.array(moved).T
    return bool(np.abs(together - own).max() <= NEARLY_ALL * np.abs(own).max())
