"""Scores → the nodes of a role."""

import numpy as np
import pytest

from mi_checks.roles.role_binding import RoleBinding

SCORES = np.array([[0.1, 0.9, 0.4], [0.7, 0.4, -0.2]])


def bound(at_least, most=None, component="head"):
    return RoleBinding("induction", component, "induction", SCORES, at_least, most)


def test_those_that_score_enough_highest_first():
    assert bound(0.5).nodes == {"L0H1": 0.9, "L1H0": 0.7}
    assert list(bound(0.5).nodes) == ["L0H1", "L1H0"]


def test_a_score_that_is_just_enough_is_enough():
    assert list(bound(0.4).nodes) == ["L0H1", "L1H0", "L0H2", "L1H1"]


def test_no_more_than_most():
    assert list(bound(0.1, 1).nodes) == ["L0H1"]
    assert list(bound(0.1, 3).nodes) == ["L0H1", "L1H0", "L0H2"]  # of equal scores the earlier layer


def test_none():
    assert bound(0.95).nodes == {}
    assert bound(0.95).score_of("L1H0") == pytest.approx(0.7)
    assert bound(0.95).score_of("L2H0") is None


def test_neurons():
    assert list(bound(0.5, component="neuron").nodes) == ["L0N1", "L1N0"]
