"""The selection of nodes to patch by attribution patching: gradient estimates of the effects of patching every node.

Attribution patching (Nanda 2023) takes the gradient in one run. Behind a saturated activation that gradient is exactly
zero, however much the node matters. Therefore gradients are taken in both runs, and at points between their embeddings
(integrated gradients, Sundararajan et al. 2017; for circuits Hanna et al. 2024, arXiv:2403.17806). The estimates only
select the nodes that are patched; no claim is based on them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from mi_checks.engine.engine import Engine
from mi_checks.engine.interventions import Intervention, Side, denoise, noise
from mi_checks.engine.nodes import HOOK_NAMES, Component, Node
from mi_checks.output.progress import Progress
from mi_checks.stats.floor import Floats

INTERPOLATION_POINTS = (0.25, 0.5, 0.75)  # fractions of the way from the corrupted embedding to the clean one
# By the gradient in the corrupted run, in the clean run, and in between.
ESTIMATE_ROWS = (
    "recovers",
    "removes",
    "between",
)
MIN_ESTIMATE = 1e-5  # fraction of clean − corrupt; a smaller estimate is zero up to rounding
MIN_COMPARED_NODES = 8  # nodes with estimates and exact values; with fewer, a rank correlation is meaningless
# fraction of their estimates, or exact values, that are tied; with more, the correlation would reflect ties
MAX_TIED_FRACTION = 0.5


def gradient_estimates(engine: Engine, components: Sequence[Component], at: str | None, progress: Progress) -> Floats:
    """Estimate by how much patching each node changes the score, in units of the score.

    Args:
        engine: the model and its prompts.
        components: heads (their z) or neurons; all nodes of the first component come first.
        at: the label to patch at; None for all positions. If clean and corrupt prompts correspond only at their labels,
            there are no points between their embeddings, and the third estimate is the mean of the others.
        progress: shows how many gradients are computed.

    Returns:
        `estimate node`, means over prompts: one row for each of `ESTIMATE_ROWS`.

    Raises:
        MiChecksError: a gradient is NaN or infinite.
    """
    by_labels = engine.batch.by_labels
    points = [0.0, 1.0] if by_labels else [0.0, *INTERPOLATION_POINTS, 1.0]
    embeddings: dict[Side, Tensor] = {"clean": _embedding(engine, "clean"), "corrupt": _embedding(engine, "corrupt")}
    estimates: list[Floats] = []
    for point in progress(points, len(points), "gradients"):
        side: Side = "clean" if point == 1 else "corrupt"
        start = embeddings[side] if by_labels else torch.lerp(embeddings["corrupt"], embeddings["clean"], point)
        gradients = _gradients(engine, components, side, start)
        products = [
            _product(engine, Node(layer, component, 0), side, at, gradient)
            for component in components
            for layer, gradient in enumerate(gradients[component])
        ]
        estimates.append(engine.require_finite(torch.cat(products), "gradients").mean(1))
    between = np.mean(estimates[1:-1] or estimates, axis=0)
    return np.stack([estimates[0], estimates[-1], between])


def _product(engine: Engine, node: Node, side: Side, at: str | None, gradient: Tensor) -> Tensor:
    """Multiply the change of a layer's activations under patching with the gradient there, summed over positions.

    Args:
        engine: the model and its prompts.
        node: one of the layer's nodes.
        side: the run that is patched.
        at: the label to patch at.
        gradient: `row pos …`.

    Returns:
        `node prompt`.
    """
    with torch.no_grad():
        own, other = engine.activation(side, node), engine.replacement(_patch(side, node, at), node)
        change = other - own if side == "corrupt" else own - other
        mask = engine.mask(side, at)
        product = torch.where(mask.view(*mask.shape, *[1] * (own.dim() - 2)), change * gradient, 0).sum(1).float()
        by_row = product if node.kind == "neuron" else product.sum(-1)
        pairs = torch.tensor([row.pair for row in engine.prompt_rows], device=engine.device)
        by_prompt = torch.zeros((len(engine.batch), by_row.shape[1]), device=engine.device)
        return by_prompt.index_add_(0, pairs, by_row).T


def _patch(side: Side, node: Node, at: str | None) -> Intervention:
    return denoise(node, at=at) if side == "corrupt" else noise(node, at=at)


def _embedding(engine: Engine, side: Side) -> Tensor:
    """Return the residual stream before the first layer, `row pos d_model`."""
    return engine.activation(side, Node(0, "resid_pre")).detach()


def _gradients(
    engine: Engine, components: Sequence[Component], side: Side, start: Tensor
) -> dict[Component, list[Tensor]]:
    """Return the score's gradient at each layer's activations, `row pos …`, if the first layer reads `start`."""
    bridge = engine.loaded_model.bridge
    layers = range(engine.loaded_model.shape.n_layers)
    activations: dict[str, Tensor] = {}

    def leaf(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001 — TransformerLens passes it by name
        return start.to(resid.dtype).clone().requires_grad_()  # the weights need no gradient

    def keep_as(name: str) -> Callable[..., Tensor]:
        def keep(activation: Tensor, hook: Any) -> Tensor:  # noqa: ARG001
            activations[name] = activation
            return activation

        return keep

    def only_end(resid: Tensor, hook: Any) -> Tensor:  # noqa: ARG001
        return resid[engine.rows, engine.end][:, None]

    names = [HOOK_NAMES[component].format(layer) for component in components for layer in layers]
    hooks = [
        (HOOK_NAMES["resid_pre"].format(0), leaf),
        *((name, keep_as(name)) for name in names),
        ("unembed.hook_in", only_end),
    ]
    with torch.enable_grad(), bridge.hooks(fwd_hooks=hooks):
        logits = bridge(engine.layouts[side].tokens, **engine.padding_arguments(side))
        score = engine.score_logits(logits[:, 0].float()).sum()
    gradients = torch.autograd.grad(score, [activations[name] for name in names], allow_unused=True)
    by_name = dict(zip(names, gradients, strict=True))
    return {
        component: [
            torch.zeros_like(activations[name]) if by_name[name] is None else by_name[name]
            for name in (HOOK_NAMES[component].format(layer) for layer in layers)
        ]
        for component in components
    }


@dataclass(frozen=True)
class EstimateAgreement:
    """The agreement of one estimate with exact patching, over the nodes for which both are known.

    Attributes:
        effect: "recovers" or "removes".
        n_compared: the number of nodes with a nonzero estimate, over which the correlation is taken.
        n_zero: the number of nodes whose estimate is exactly zero, about which it says nothing.
        correlation: Spearman's, over the compared nodes; None if there are too few of them, or too many ties.
    """

    effect: str
    n_compared: int
    n_zero: int
    correlation: float | None


@dataclass(frozen=True)
class NodeSelection:
    """A selection of nodes to patch, and evidence on its reliability.

    Attributes:
        n_candidates: the number of nodes that it selected from.
        expected_s: the time that patching all of them was expected to take.
        n_by_gradient: the number of nodes selected by their estimates.
        n_by_group_patching: the number of further nodes selected by exact patching of ever smaller groups.
        unfinished: whether there was no time to divide all groups.
        n_sampled: the number of nodes drawn at random from all others, and patched as well.
        max_unselected_effect: the largest effect among these in absolute value, a fraction of clean − corrupt.
        agreements: the agreement of estimates and exact values, over all nodes that were patched.
    """

    n_candidates: int
    expected_s: float
    n_by_gradient: int
    n_by_group_patching: int
    unfinished: bool
    n_sampled: int
    max_unselected_effect: float
    agreements: tuple[EstimateAgreement, ...]


def largest_estimates(estimates: Floats, count: int) -> list[int]:
    """Return the indices of the largest nonzero estimates in absolute value, taken from every row in turn.

    Args:
        estimates: `estimate node`.
        count: the maximum number of indices.
    """
    sizes = np.abs(estimates)
    orders = np.argsort(-sizes, axis=1, kind="stable")
    chosen: dict[int, None] = {}
    for rank in range(estimates.shape[1]):
        for row, order in enumerate(orders):
            if len(chosen) >= count:
                return list(chosen)
            if sizes[row, order[rank]] > MIN_ESTIMATE:
                chosen[int(order[rank])] = None
    return list(chosen)


def random_sample(others: Sequence[int], count: int, seed: int) -> list[int]:
    """Return some of the others, drawn at random without replacement, in order."""
    drawn = np.random.default_rng(seed).choice(np.array(others, dtype=int), min(count, len(others)), replace=False)
    return sorted(map(int, drawn))


def estimate_agreement(what: str, estimated: Floats, measured: Floats) -> EstimateAgreement:
    """Compare an estimate with exact values.

    Args:
        what: the effect.
        estimated: `node`.
        measured: `node`.
    """
    speaks = np.abs(estimated) > MIN_ESTIMATE
    own, exact = estimated[speaks], measured[speaks]
    compared = int(speaks.sum())
    correlation = None
    if compared >= MIN_COMPARED_NODES and max(_tied_fraction(own), _tied_fraction(exact)) <= MAX_TIED_FRACTION:
        correlation = float(stats.spearmanr(own, exact).statistic)
    return EstimateAgreement(what, compared, int((~speaks).sum()), correlation)


def _tied_fraction(values: Floats) -> float:
    """Return the fraction of values that equal another up to rounding."""
    return 1 - len(np.unique(np.round(values / MIN_ESTIMATE))) / len(values)
