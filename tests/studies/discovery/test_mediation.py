"""Which nodes are significantly above a threshold, or below its negative, corrected for how many there are."""

import numpy as np

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.nodes import Node
from mi_checks.studies.discovery.node_effects import assess_sweep

NODES = tuple(Node(0, "head", index) for index in range(6))


def sweep(*shares, spread=0.1, n=64):
    noise = np.random.default_rng(0).normal(0, spread, (len(shares), n))
    noise -= noise.mean(1, keepdims=True)
    return Sweep(NODES[: len(shares)], None, np.array(shares)[:, None] + noise, np.ones(n))


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
    few = sweep(0.1 + 3.2 * 0.1 / 8, 0, 0, 0, 0, 0)
    assert assess_sweep(few, above=0.1).significant == (NODES[0],)
    assert assess_sweep(few, above=0.1, tested=1000).significant == ()
    assert assess_sweep(few, above=0.1, tested=1000).inconclusive == (NODES[0],)
    reverse = sweep(-0.1 - 3.2 * 0.1 / 8, 0, 0, 0, 0, 0)
    assert assess_sweep(reverse, above=0.1).opposing == (NODES[0],)
    assert assess_sweep(reverse, above=0.1, tested=1000).opposing == ()
