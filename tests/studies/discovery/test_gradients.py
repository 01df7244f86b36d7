"""Estimates by gradients: what they are at either end, and that a saturated activation does not silence all of them."""

import numpy as np
import pytest
import torch

from mi_checks.engine.attribution_patching import AttributionPatching
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import all_nodes
from mi_checks.models.load_model import load
from mi_checks.output.progress import no_progress
from mi_checks.studies.discovery.discovery_options import DiscoveryOptions
from mi_checks.studies.discovery.discovery_prompts import draw_prompts
from mi_checks.studies.discovery.node_selection import ESTIMATE_ROWS, gradient_estimates
from tests.planting.kinds import saturated

COMPONENTS = ("head", "neuron")


@pytest.fixture(scope="module")
def engine(behaviour):
    loaded_model = load("nano-gelu-2l", device="cpu")
    return choose_engine(
        "replay", loaded_model, draw_prompts(behaviour(), loaded_model, DiscoveryOptions(count=16)).exploration
    )


def test_in_the_corrupted_run_they_are_attribution_patching(engine):
    found = gradient_estimates(engine, COMPONENTS, None, no_progress)
    assert found.shape == (len(ESTIMATE_ROWS), 12 + 1536)
    wanted = np.concatenate([engine.measure(AttributionPatching(component)).mean(1) for component in COMPONENTS])
    np.testing.assert_allclose(found[0], wanted, rtol=1e-4, atol=1e-5)


def test_in_the_clean_run_they_are_the_first_order_effect_of_noising(engine):
    """Against a finite difference: a neuron's activation moved a little towards the corrupted run's."""
    found = gradient_estimates(engine, ("neuron",), None, no_progress)
    bridge, nodes = engine.loaded_model.bridge, all_nodes("neuron", engine.loaded_model.shape)
    step = 1e-2
    for place in np.argsort(-np.abs(found[1]))[:3]:
        node = nodes[place]
        change = engine.activation("corrupt", node)[..., node.index] - engine.activation("clean", node)[..., node.index]

        def moved(activation, hook, node=node, change=change):
            activation = activation.clone()
            activation[..., node.index] += step * change
            return activation

        with torch.no_grad(), bridge.hooks(fwd_hooks=[(node.hook, moved)]):
            logits = bridge(engine.layouts["clean"].tokens)[engine.rows, engine.end]
        score = engine.score_logits(logits.float()).double().numpy()
        slope = (engine.base.clean.logit_diff - score).mean() / step
        assert slope == pytest.approx(found[1, place], rel=0.1)


def test_case_33_behind_saturated_readers_no_gradient_may_tell():
    """The flag steps from 0 to 1, and its readers between 0.6 and 0.7, where none of the points between lies."""
    planted = saturated()
    engine = planted.engine()
    found = gradient_estimates(engine, ("neuron",), None, no_progress) / engine.base.effect_size.mean()
    nodes = all_nodes("neuron", planted.loaded_model.shape)
    place = nodes.index(planted.roles["flag"][0])
    exact = engine.scores([denoise(nodes[place])])[0] - engine.base.corrupt.logit_diff
    assert exact.mean() / engine.base.effect_size.mean() == pytest.approx(1, abs=1e-3)
    assert np.abs(found[:, place]).max() < 1e-5
    assert np.abs(found[:, [nodes.index(node) for node in planted.roles["clip"]]]).min() > 1  # these write the answer
