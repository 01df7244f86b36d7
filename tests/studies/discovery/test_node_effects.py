"""Sweeps of nodes against a threshold, and whether neurons account for their MLP layers."""

import numpy as np
import pytest

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.nodes import Node
from mi_checks.spec.node_names import ModelShape
from mi_checks.stats.sampling import independent
from mi_checks.studies.discovery.node_effects import NodeEffects, assess_sweep, unexplained_layers

NODES = tuple(Node(0, "head", index) for index in range(6))


def sweep(*shares, spread=0.1, n=64):
    noise = np.random.default_rng(0).normal(0, spread, (len(shares), n))
    noise -= noise.mean(1, keepdims=True)
    whole = np.random.default_rng(1).normal(0, 0.02, n)
    rows = np.array(shares)[:, None] + noise
    return Sweep(NODES[: len(shares)], None, rows, 1 + whole - whole.mean(), independent(n))


def test_found_are_those_significantly_above_strongest_first():
    found = assess_sweep(sweep(0.3, 0.0, 0.8, 0.1, 0.5, 0.02), above=0.1)
    assert found.significant == (NODES[2], NODES[4], NODES[0])
    assert found.inconclusive == (NODES[3],)
    assert found.opposing == ()
    assert found.fraction(NODES[2]).low < 0.8 < found.fraction(NODES[2]).high


def test_case_21_nodes_that_work_against_it_are_found_most_negative_first():
    found = assess_sweep(sweep(-0.3, 0.0, -1.0, -0.1, 0.5, -0.02), above=0.1)
    assert found.opposing == (NODES[2], NODES[0])  # and not the one at the threshold
    assert found.significant == (NODES[4],)


def test_what_a_screen_has_left_out_is_corrected_for():
    """Three standard errors above the threshold are enough for one of six, and not for one of a thousand."""
    few = sweep(0.1 + 3.2 * 0.1 / 16, 0, 0, 0, 0, 0, n=256)
    assert assess_sweep(few, above=0.1).significant == (NODES[0],)
    assert assess_sweep(few, above=0.1, tested=1000).significant == ()
    assert assess_sweep(few, above=0.1, tested=1000).inconclusive == (NODES[0],)
    reverse = sweep(-0.1 - 3.2 * 0.1 / 16, 0, 0, 0, 0, 0, n=256)
    assert assess_sweep(reverse, above=0.1).opposing == (NODES[0],)
    assert assess_sweep(reverse, above=0.1, tested=1000).opposing == ()


SHAPE = ModelShape(2, 3, 4)
NOISE = np.random.default_rng(0).normal(0, 0.01, 64)


def found(shares):
    """Effects of these sizes in both directions, by node name."""
    nodes = tuple(shares)
    sweep = Sweep(nodes, None, np.array([share + NOISE for share in shares.values()]), np.ones(64), independent(64))
    return NodeEffects(assess_sweep(sweep, 0.05), assess_sweep(sweep, 0.05))


def layers_left(stubbed, together, alone):
    """`together`: what patching a layer, or all found neurons of it, does; `alone`: what each neuron does."""
    measured = stubbed(lambda i: together["layer" if i.nodes[0].kind == "mlp" else "neurons"] + 0 * NOISE, SHAPE)
    layers = found({Node(0, "mlp"): 0.0, Node(1, "mlp"): together["layer"]})
    neurons = found({Node(1, "neuron", index): share for index, share in enumerate(alone)})
    return [*map(str, unexplained_layers(measured, layers, neurons))]


@pytest.mark.parametrize(("neurons", "left"), [(0.6, []), (0.57, []), (0.64, []), (0.3, ["L1.mlp"]), (0.9, ["L1.mlp"])])
def test_a_layer_sends_itself_unless_its_neurons_together_do_what_it_does(stubbed, neurons, left):
    assert layers_left(stubbed, {"layer": 0.6, "neurons": neurons}, [neurons]) == left


def test_case_34_a_neuron_that_overshoots_does_not_hide_the_others_of_its_layer(stubbed):
    """Alone it recovers 40.6 of 0.9; the sum over neurons would be more than all of the layer."""
    assert layers_left(stubbed, {"layer": 0.9, "neurons": 40.6}, [40.6]) == ["L1.mlp"]


def test_case_34_neurons_that_only_add_up_to_the_layer_do_not_stand_for_it(stubbed):
    """0.5 and 0.4 alone make 0.9, but together they do 0.5: the rest of the layer does something else."""
    assert layers_left(stubbed, {"layer": 0.9, "neurons": 0.5}, [0.5, 0.4]) == ["L1.mlp"]


def test_case_34_neurons_that_cancel_stand_for_it_together(stubbed):
    assert layers_left(stubbed, {"layer": 1.0, "neurons": 1.0}, [6.0, -5.0]) == []


def test_a_layer_without_found_neurons_sends_itself(stubbed):
    assert layers_left(stubbed, {"layer": 0.6, "neurons": 0.6}, [0.0]) == ["L1.mlp"]
