"""Bounds that other prompts keep."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.nodes import Node
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.sampling import independent
from mi_checks.studies.discovery import held_out_claims


def estimate(values):
    mean, half = values.mean(), 1.96 * values.std(ddof=1) / np.sqrt(len(values))
    return Estimate(float(mean), float(mean - half), float(mean + half), len(values), "", "")


@pytest.mark.parametrize("pairs", [32, 128, 512])
def test_a_check_on_other_prompts_keeps_nearly_every_bound(pairs):
    """Three standard errors leave about one in a thousand out on one side, with t's tails a little more."""
    generator = np.random.default_rng(0)
    kept, tight = [], []
    for _ in range(1000):
        measured, checked = (estimate(generator.normal(5, 2, n)) for n in (128, pairs))
        below, above = held_out_claims.lower_bound(measured, pairs), held_out_claims.upper_bound(measured, pairs)
        kept += [checked.low >= below, checked.high <= above]
        tight.append(5 - below)
    assert np.mean(kept) >= 0.993
    assert np.mean(tight) < 2 * (1.96 + 3 * np.sqrt(1 + pairs / 128)) / np.sqrt(pairs) + 0.15  # and of rounding


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (0.5, 0.49, 0.51),
        (6.27, 6.2, 6.3),
        (1.0, 0.99, 1.1),
        (0.0, -0.01, 0.01),
        (-0.25, -0.26, -0.24),
        (-3.4, -3.5, -3.3),
    ],
)
def test_case_35_a_bound_never_lies_beyond_the_value_at_zero_variance(value, low, high):
    certain = Estimate(value, value, value, 64, "", "")
    assert (held_out_claims.lower_bound(certain, 64), held_out_claims.upper_bound(certain, 64)) == (low, high)


@settings(max_examples=500)
@given(
    value=st.floats(-20, 20, allow_subnormal=False),
    below=st.floats(0, 1) | st.sampled_from([0.0, 1e-16, 1e-12, 1e-9, 1e-7]),
    above=st.floats(0, 1) | st.sampled_from([0.0, 1e-16, 1e-12, 1e-9, 1e-7]),
    n=st.integers(2, 512),
    pairs=st.integers(2, 4096),
)
def test_case_35_a_check_on_the_other_engine_keeps_every_bound(value, below, above, n, pairs):
    """Engines differ by 3e-13 in float64 and by a few 1e-7 in float32; many pairs never bring a bound inside."""
    measured = Estimate(value, value - below, value + above, n, "", "")
    rounding = 1e-6 * max(1.0, abs(value))
    assert held_out_claims.lower_bound(measured, pairs) < measured.low - rounding
    assert held_out_claims.upper_bound(measured, pairs) > measured.high + rounding


@pytest.mark.parametrize("two_digits", [k / 100 for k in range(-99, 100)])
def test_case_35_values_that_are_bounds_themselves(two_digits):
    for nudge in (-3e-13, 0.0, 3e-13):
        certain = Estimate(two_digits + nudge, two_digits + nudge, two_digits + nudge, 64, "", "")
        assert two_digits - 0.011 < held_out_claims.lower_bound(certain, 64) < two_digits - 3e-13
        assert two_digits + 0.011 > held_out_claims.upper_bound(certain, 64) > two_digits + 3e-13
        assert str(held_out_claims.upper_bound(certain, 64)) != "-0.0"


def test_case_35_a_node_that_rounding_alone_moves_over_a_threshold_is_not_clear_of_it():
    nodes = (Node(0, "head", 0), Node(0, "head", 1))
    exactly_there = np.array([[0.1 + 3e-13] * 64, [0.1 - 3e-13] * 64])
    sweep = Sweep(nodes, None, exactly_there, np.ones(64), independent(64))
    more, less = held_out_claims.expected_clear(sweep, 0.1, 64)
    assert not more.any()
    assert not less.any()


def test_what_is_clear_of_a_threshold_stays_on_its_side():
    generator = np.random.default_rng(1)
    truth = np.array([0.3, 0.16, 0.1, 0.04, 0.0])
    nodes = tuple(Node(0, "head", i) for i in range(5))

    def sweep(n):
        return Sweep(nodes, None, truth[:, None] + generator.normal(0, 0.1, (5, n)), np.ones(n), independent(n))

    for _ in range(200):
        more, less = held_out_claims.expected_clear(sweep(128), 0.1, 64)
        again = sweep(64)
        t = (again.recovered.mean(1) - 0.1) / (again.recovered.std(1, ddof=1) / 8)
        assert (t[more] > 2.66).all()  # what Holm's first step asks of one of five
        assert (t[less] < -2.66).all()
        assert more[0]
        assert not more[2]
        assert not less[2]
