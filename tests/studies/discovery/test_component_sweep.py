"""The search for neurons that matter by patching ever smaller groups of them."""

import pytest

from mi_checks.engine.nodes import Node
from mi_checks.spec.node_names import ModelShape
from mi_checks.studies.discovery.component_sweep import search_neurons

WIDTH = 64
SHAPE = ModelShape(2, 3, WIDTH)
LAYERS = [[Node(layer, "neuron", index) for index in range(WIDTH)] for layer in range(2)]


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
