"""Whether the discovered neurons account for the effects of their MLP layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mi_checks.checks.measurements import Measurements
from mi_checks.engine.interventions import denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.studies.discovery.effects import Effects

NEURON_THRESHOLD_FACTOR = 0.5  # fraction of the threshold for heads: a neuron is a smaller part of a model
# fraction of the larger of a layer's two effects by which its neurons' joint effect may differ from it
MAX_RELATIVE_DIFFERENCE = 0.1


def unaccounted(measured: Measurements, layers: Effects, neurons: Effects) -> tuple[Node, ...]:
    """Return the MLP layers that matter and whose effect their discovered neurons, patched together, do not have.

    The neurons are patched together, because their single effects may add up to anything: one that overshoots would
    hide all others of its layer. A joint effect that is too large does not account for the layer either.

    Args:
        measured: the behaviour on the model.
        layers: the effects of whole MLP layers.
        neurons: the effects of neurons.
    """
    by_layer = {node.layer: [neuron for neuron in neurons.nodes if neuron.layer == node.layer] for node in layers.nodes}
    whole = [node for node in layers.nodes if by_layer[node.layer]]
    without = [node for node in layers.nodes if not by_layer[node.layer]]
    unlike = [node for node in whole if not _alike(measured, node, by_layer[node.layer])]
    return tuple(sorted([*without, *unlike]))


def _alike(measured: Measurements, layer: Node, neurons: Sequence[Node]) -> bool:
    """Return whether patching the neurons together has the layer's effect, in both directions."""
    at, base = measured.everywhere, measured.base
    moved = []
    for patch, start in ((denoise, base.corrupt.logit_diff), (noise, base.clean.logit_diff)):
        both = measured.logit_diffs([patch(*neurons, at=at), patch(layer, at=at)], "neurons of MLP layers")
        moved.append((both - start).mean(1))
    together, own = np.array(moved).T
    return bool(np.abs(together - own).max() <= MAX_RELATIVE_DIFFERENCE * np.abs(own).max())
