"""Gradient estimates, the nodes that are selected by them, and how well they agree with patching."""

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
from mi_checks.studies.discovery.node_selection import (
    ESTIMATE_ROWS,
    estimate_agreement,
    gradient_estimates,
    largest_estimates,
    random_sample,
)
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
        slope = (engine.unpatched.clean.logit_diff - score).mean() / step
        assert slope == pytest.approx(found[1, place], rel=0.1)


def test_case_33_behind_saturated_readers_no_gradient_may_tell():
    """The flag steps from 0 to 1, and its readers between 0.6 and 0.7, where none of the points between lies."""
    planted = saturated()
    engine = planted.engine()
    found = gradient_estimates(engine, ("neuron",), None, no_progress) / engine.unpatched.effect_size.mean()
    nodes = all_nodes("neuron", planted.loaded_model.shape)
    place = nodes.index(planted.roles["flag"][0])
    exact = engine.scores([denoise(nodes[place])])[0] - engine.unpatched.corrupt.logit_diff
    assert exact.mean() / engine.unpatched.effect_size.mean() == pytest.approx(1, abs=1e-3)
    assert np.abs(found[:, place]).max() < 1e-5
    assert np.abs(found[:, [nodes.index(node) for node in planted.roles["clip"]]]).min() > 1  # these write the answer


def test_the_largest_of_every_estimate_are_chosen_in_turn():
    estimates = np.array([[0.0, 0.5, -0.9, 0.1], [0.2, 0.0, 0.8, -0.3]])
    assert largest_estimates(estimates, 3) == [2, 1, 3]
    assert largest_estimates(estimates, 10) == [2, 1, 3, 0]


def test_case_33_an_estimate_of_zero_is_never_chosen():
    """Of 2,950 estimates 6 differed from zero, and 58 of the 64 chosen were ties in the order of their indices."""
    estimates = np.zeros((3, 2950))
    estimates[0, [7, 1509, 2000]] = [0.4, -0.2, 1e-9]  # the last is rounding
    assert largest_estimates(estimates, 64) == [7, 1509]


def test_a_sample_is_of_the_others_and_the_same_again():
    others = [3, 5, 8, 13, 21, 34]
    sample = random_sample(others, 4, seed=1)
    assert sample == random_sample(others, 4, seed=1) == sorted(sample)
    assert len({*sample}) == 4
    assert {*sample} < {*others}
    assert random_sample(others, 10, seed=1) == others


def test_case_33_no_correlation_is_reported_over_ties():
    """As found: 6 estimates differ from zero, and 58 are tied at zero."""
    estimated = np.array([0.9, 0.5, 0.3, 0.2, 0.1, 0.05, *[0.0] * 58])
    measured = np.linspace(1, 0, 64)
    told = estimate_agreement("recovers", estimated, measured)
    assert (told.n_compared, told.n_zero, told.correlation) == (6, 58, None)


def test_case_33_zeros_do_not_count_as_agreement():
    generator = np.random.default_rng(0)
    own = generator.normal(0, 1, 40)
    estimated, measured = (
        np.concatenate([own, np.zeros(200)]),
        np.concatenate([generator.permutation(own), np.zeros(200)]),
    )
    told = estimate_agreement("removes", estimated, measured)
    assert (told.n_compared, told.n_zero) == (40, 200)
    assert abs(told.correlation) < 0.4


def test_an_estimate_that_takes_few_values_is_not_compared():
    told = estimate_agreement("removes", np.array([0.5] * 30 + [0.25] * 10), np.linspace(0, 1, 40))
    assert (told.n_compared, told.n_zero, told.correlation) == (40, 0, None)


def test_case_33_effects_that_are_all_rounding_are_not_compared():
    """Of 51 neurons that do nothing the order of their rounding errors was taken for agreement."""
    generator = np.random.default_rng(0)
    told = estimate_agreement(
        "recovers", generator.normal(0, 0.1, 60), np.array([1.0, -0.5, *generator.normal(0, 1e-8, 58)])
    )
    assert (told.n_compared, told.correlation) == (60, None)


def test_estimates_that_agree_are_said_to():
    exact = np.linspace(-1, 1, 50)
    assert estimate_agreement("recovers", exact * 0.5 + 0.001, exact).correlation == pytest.approx(1)
