"""Last-layer neurons in closed form: a neuron there writes its output weights into the final residual stream, no more.

So a patched neuron needs no forward: resid_post + (new − old) · W_out at END, the final norm, and the unembedding. Away
from END it changes nothing that is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from mi_checks.engine.base import Floats
from mi_checks.engine.interventions import Intervention
from mi_checks.engine.nodes import Node

if TYPE_CHECKING:
    from mi_checks.engine.reference import ReferenceEngine

CHUNK = 64  # neurons whose logits are held at once


def last_layer_neurons(engine: ReferenceEngine, interventions: list[Intervention]) -> dict[int, Floats]:
    """Index of each intervention on a single last-layer neuron → its logit differences, `prompt`."""
    last = engine.subject.shape.n_layers - 1
    alone = {
        i: intervention
        for i, intervention in enumerate(interventions)
        if len(intervention.nodes) == 1
        and intervention.nodes[0].kind == "neuron"
        and intervention.nodes[0].layer == last
    }
    out: dict[int, Floats] = {}
    kinds = {(x.run, x.value, x.at) for x in alone.values()}
    for run, value, at in sorted(kinds, key=str):
        group = [i for i, x in alone.items() if (x.run, x.value, x.at) == (run, value, at)]
        acts_at_end = engine.mask(at)[engine.rows, engine.end]
        first = alone[group[0]]
        old = engine.activation(run, first.nodes[0])[engine.rows, engine.end]
        new = engine.replacement(first, first.nodes[0])[engine.rows, engine.end]
        change = torch.where(acts_at_end[:, None], new - old, torch.zeros_like(old))  # prompt d_mlp
        resid = engine.activation(run, Node(last, "resid_post"))[engine.rows, engine.end]
        w_out = engine.subject.bridge.blocks[last].mlp.W_out  # d_mlp d_model
        for start in range(0, len(group), CHUNK):
            chunk = group[start : start + CHUNK]
            neurons = torch.tensor([alone[i].nodes[0].index for i in chunk], device=engine.device)
            with torch.no_grad():
                patched = resid + change.T[neurons][:, :, None] * w_out[neurons][:, None]  # neuron prompt d_model
                values = engine.logit_diff_at_end(patched).double().cpu().numpy()
            out.update(zip(chunk, np.asarray(values), strict=True))
    return out
