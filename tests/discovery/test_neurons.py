"""Neurons: all of them swept, or those that a screen lets through; and whether they stand for their layer."""

import numpy as np
import pytest

from mi_checks.checks.measurements import Sweep
from mi_checks.discovery.mediation import mediation
from mi_checks.discovery.neurons import SWEPT, Neurons, neurons, unaccounted
from mi_checks.engine.nodes import Node
from mi_checks.spec.model_shape import ModelShape

MANY = ModelShape(2, 3, SWEPT)


def never():
    raise AssertionError("a screen is not needed")


def one(name, share):
    """That neuron recovers this share, and no other anything."""
    return lambda intervention: share * (str(intervention.nodes[0]) == name)


def test_a_model_without_neurons_has_none(stubbed):
    assert neurons(stubbed(one("", 0)), never, 0.1) is None


def test_few_are_all_denoised(stubbed):
    found = neurons(stubbed(one("L1N3", 0.4), ModelShape(2, 3, 4)), never, 0.1)
    assert found.screening is None
    assert [*map(str, found.mediation.found)] == ["L1N3"]
    assert len(found.mediation.sweep.nodes) == 8


def test_of_many_those_of_the_largest_estimates_are_and_a_few_others(stubbed):
    measured = stubbed(one("L1N3", 0.4), MANY)
    estimated = np.zeros((2 * SWEPT, 64))
    estimated[SWEPT + 3] = -0.9  # of the wrong sign, as before an attention pattern
    estimated[:63] = 0.1
    found = neurons(measured, lambda: estimated, 0.1)
    assert [*map(str, found.mediation.found)] == ["L1N3"]
    assert found.mediation.tested == found.screening.screened == 2 * SWEPT
    assert len(measured.asked) == found.screening.verified + found.screening.sampled == 64 + 32
    assert found.screening.missed == 0


def test_what_the_screen_misses_shows_in_the_sample(stubbed):
    found = neurons(stubbed(lambda intervention: 0.2, MANY), lambda: np.eye(2 * SWEPT, 64), 0.1)
    assert found.screening.missed == pytest.approx(0.2, abs=0.01)
    assert found.screening.correlation is None


def test_half_the_threshold_is_enough_for_a_neuron(stubbed):
    shape = ModelShape(2, 3, 4)
    assert neurons(stubbed(one("L1N3", 0.08), shape), never, 0.1).mediation.found
    assert not neurons(stubbed(one("L1N3", 0.03), shape), never, 0.1).mediation.found


@pytest.mark.parametrize(("share", "left"), [(0.6, []), (0.3, ["L1.mlp"])])
def test_a_layer_sends_itself_unless_its_neurons_found_are_nearly_all_of_it(stubbed, share, left):
    found = neurons(stubbed(one("L1N3", share), ModelShape(2, 3, 4)), never, 0.1)
    noise = np.random.default_rng(0).normal(0, 0.01, (2, 64))
    layers = Sweep((Node(0, "mlp"), Node(1, "mlp")), None, np.array([[0.0], [0.6]]) + noise, np.ones(64))
    assert isinstance(found, Neurons)
    assert [*map(str, unaccounted(mediation(layers, 0.1), found))] == left
