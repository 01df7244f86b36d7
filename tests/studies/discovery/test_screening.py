"""Choosing by estimates, and what is said of how well they agreed."""

import numpy as np
import pytest

from mi_checks.engine.nodes import Node
from mi_checks.spec.node_names import ModelShape
from mi_checks.studies.discovery.component_sweep import search_neurons
from mi_checks.studies.discovery.node_selection import estimate_agreement, largest_estimates, random_sample

WIDTH = 64
SHAPE = ModelShape(2, 3, WIDTH)
LAYERS = [[Node(layer, "neuron", index) for index in range(WIDTH)] for layer in range(2)]


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


def found(stubbed, effects, most=1000, noised=None):
    """What is divided where patching a group does what the named neurons in it do."""

    def moved(intervention):
        own = noised if noised is not None and intervention.run == "clean" else effects
        inside = {str(node) for node in intervention.nodes}
        for node in intervention.nodes:
            if node.kind == "mlp":
                inside |= {str(neuron) for neuron in LAYERS[node.layer]}
        return own(inside)

    measured = stubbed(moved, SHAPE)
    return search_neurons(measured, LAYERS, 0.05, most), measured


@pytest.mark.parametrize("name", ["L0N0", "L0N63", "L1N17", "L1N42"])
def test_case_33_a_neuron_is_found_by_what_groups_do(stubbed, name):
    result, measured = found(stubbed, lambda inside: 0.95 * (name in inside))
    assert [*map(str, result.nodes)] == [name]
    assert not result.unfinished
    assert result.n_patched == len({*measured.asked}) == 2 * (2 + 3 * 4)  # both layers, then quarters of 64, 16 and 4


def test_case_33_neurons_that_need_each_other_are_found_by_noising(stubbed):
    both = {"L0N3", "L0N50"}
    result, _ = found(stubbed, lambda inside: 0.9 * (both <= inside), noised=lambda inside: 0.9 * bool(both & inside))
    assert {*map(str, result.nodes)} == both


def test_case_33_copies_are_found_by_denoising(stubbed):
    both = {"L0N3", "L1N50"}
    result, _ = found(stubbed, lambda inside: 0.9 * bool(both & inside), noised=lambda inside: 0.0)
    assert {*map(str, result.nodes)} == both


def test_a_neuron_that_works_against_it_is_found(stubbed):
    result, _ = found(stubbed, lambda inside: -0.4 * ("L1N5" in inside))
    assert [*map(str, result.nodes)] == ["L1N5"]


def test_many_small_ones_are_not_divided_to_the_end(stubbed):
    """Each does 0.01: a group of four 0.04, which is near the threshold of 0.05, and a single one far from it."""
    result, _ = found(stubbed, lambda inside: 0.01 * len([name for name in inside if name.startswith("L0N")]))
    assert result.nodes == ()
    assert not result.unfinished


def test_without_time_the_strongest_groups_come_first_and_it_is_said(stubbed):
    sizes = {"L0N5": 0.9, "L1N60": 0.2}
    result, _ = found(stubbed, lambda inside: sum(size for name, size in sizes.items() if name in inside), most=20)
    assert "L0N5" in {*map(str, result.nodes)}
    assert result.unfinished
