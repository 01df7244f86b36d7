"""The neurons that mediate most, without denoising all where no check has: there may be a hundred thousand."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from mi_checks.checks.measurements import Measurements, Sweep
from mi_checks.engine.attribution_patching import AttributionPatching
from mi_checks.engine.nodes import Node, all_nodes

MAX_DENOISED_NEURONS = 32  # those that attribution patching ranks first


def strongest_neurons(measured: Measurements, claimed: Collection[Node], at: str | int | None) -> Sweep:
    """Return a sweep that a check has made of the claimed neurons' layers, or else one of a few neurons of all layers.

    Args:
        measured: the behaviour on the model.
        claimed: neurons that a sweep already made must be about.
        at: the label or position denoised at, or None for all positions.
    """
    for sweep in measured.sweeps.values():
        if sweep.at == at and set(claimed) <= set(sweep.nodes):
            return sweep
    nodes = all_nodes("neuron", measured.loaded_model.shape)
    estimated = measured.measure(AttributionPatching("neuron", at)).mean(1) / measured.unpatched.effect_size.mean()
    chosen = [nodes[i] for i in np.argsort(-estimated, kind="stable")[:MAX_DENOISED_NEURONS]]
    return measured.sweep_of(chosen, at, "neurons")
