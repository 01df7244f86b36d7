"""Attribution patching: an estimate of the effect of denoising every node, to find those worth measuring exactly.

It takes two forward passes and one backward pass (Nanda 2023, "Attribution Patching: Activation Patching At Industrial
Scale"): to first order, the effect of putting a node's clean activation into the corrupted run is
(clean − corrupted activation) · ∂score/∂activation at the corrupted run. If the node feeds an attention pattern that
differs in the corrupted run, even the sign may be wrong, so the estimate is used to rank nodes by size and never as a
result. It uses the bridge's hooks, so that it is the same for all families and engines.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mi_checks.engine.engine import Engine, Quantity
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import HOOK_NAMES, Component, Node, all_nodes
from mi_checks.stats.floor import Floats


@dataclass(frozen=True)
class AttributionPatching(Quantity):
    """The estimated effect of denoising each node of a component, `node prompt` in the order of `all_nodes`.

    It is in the score's units: an estimate of the scores under `denoise(node, at=at)` minus those of the corrupted run.

    Attributes:
        component: heads (their z), queries, keys, values, patterns or neurons.
        at: a label or position, over whose tokens effects are summed; None for all positions.
    """

    signed = True

    component: Component
    at: str | int | None = None

    def names(self) -> tuple[str, ...]:
        """Return the name of the component and of the label or position."""
        return (json.dumps(["attribution patching", self.component, self.at]),)

    def compute(self, engine: Engine) -> Floats:
        """Return the estimates, `node prompt`, from two forward passes and one backward pass.

        Raises:
            MiChecksError: clean and corrupt prompts correspond only at their labels, and `at` is None.
        """
        return _estimate(engine, self.component, self.at)


def _estimate(engine: Engine, component: Component, at: str | int | None) -> Floats:
    nodes = all_nodes(component, engine.loaded_model.shape)
    if not nodes:
        return np.empty((0, len(engine.batch)))
    engine.supported.require_interventions([denoise(node, at=at) for node in nodes[:1]])
    corrupt = _activations_and_gradients(engine, component)
    mask = engine.mask("corrupt", at)
    pairs = torch.tensor([row.pair for row in engine.prompt_rows], device=engine.device)
    by_layer = []
    for layer, (own, gradient) in enumerate(corrupt):
        node = Node(layer, component, 0)
        with torch.no_grad():
            change = engine.replacement(denoise(node, at=at), node) - own
            where = mask.view(*mask.shape, *[1] * (own.dim() - 2))
            product = torch.where(where, change * gradient, 0).sum(1).float()  # row index …
            by_row = product if component == "neuron" else product.sum(-1)
            by_prompt = torch.zeros((len(engine.batch), by_row.shape[1]), device=engine.device)
            by_layer.append(by_prompt.index_add_(0, pairs, by_row).T)
    return engine.require_finite(torch.cat(by_layer), "attribution patching estimates")


def _activations_and_gradients(engine: Engine, component: Component) -> list[tuple[Tensor, Tensor]]:
    """Return for each layer the activation in the corrupted run and the score's gradient there, `row pos …`."""
    bridge = engine.loaded_model.bridge
    by_hook: dict[str, Tensor] = {}
    names = [HOOK_NAMES[component].format(layer) for layer in range(engine.loaded_model.shape.n_layers)]

    def make_leaf(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001  # TransformerLens passes it by name
        return resid.detach().requires_grad_()  # so that no gradient is computed for the weights

    def recording_hook(name: str) -> Callable[..., Tensor]:
        def record(activation: Tensor, hook: Any) -> Tensor:  # noqa: ARG001
            by_hook[name] = activation
            return activation

        return record

    def select_end(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001
        return resid[engine.rows, engine.end][:, None]

    hooks = [
        (HOOK_NAMES["resid_pre"].format(0), make_leaf),
        *((name, recording_hook(name)) for name in names),
        ("unembed.hook_in", select_end),
    ]
    with torch.enable_grad(), bridge.hooks(fwd_hooks=hooks):
        logits = bridge(engine.layouts["corrupt"].tokens, **engine.padding_arguments("corrupt"))
        score = engine.score_logits(logits[:, 0].float()).sum()
    activations = [by_hook[name] for name in names]
    gradients = torch.autograd.grad(score, activations)
    pairs = zip((activation.detach() for activation in activations), gradients, strict=True)
    return [(a.transpose(1, 2), g.transpose(1, 2)) if component == "pattern" else (a, g) for a, g in pairs]
