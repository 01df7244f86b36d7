"""The integral behind every test: against the beta distribution, simulated weights, and its own symmetries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from mi_checks.stats import dirichlet
from mi_checks.stats.dirichlet import weighted_sum_below_zero

SIMULATED_WEIGHTS = 100_000
seeds = st.integers(0, 10_000)


@pytest.mark.parametrize("n", [2, 5, 16, 64, 256, 1024])
def test_on_zeros_and_ones_it_is_the_beta_distribution(n):
    """Weights of k ones among n values and an added zero sum to a beta(k, n − k + 1) variable."""
    successes = np.arange(1, n + 1, max(1, n // 64))
    values = (np.arange(n)[None] < successes[:, None]).astype(float)
    for bound in (0.01, 0.05, 0.3, 0.5, 0.7, 0.97):
        exact = beta.cdf(bound, successes, n - successes + 1)
        found = weighted_sum_below_zero(values - bound, np.full(len(successes), -bound))
        np.testing.assert_allclose(found, exact, atol=1e-6)


@pytest.mark.parametrize("k", [40, 50, 60])
def test_small_p_values_have_a_small_relative_error(k):
    """Families of 96 tests at 2.5 % compare p-values with 0.00026."""
    values = (np.arange(64) < k).astype(float)[None] - 0.3
    exact = beta.cdf(0.3, k, 64 - k + 1)
    assert exact < 1e-5
    assert weighted_sum_below_zero(values, np.array([-0.3]))[0] == pytest.approx(exact, rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("n", [8, 16, 64])
@pytest.mark.parametrize("shape", ["lognormal", "exponential", "tied"])
def test_it_is_what_simulated_weights_give(n, shape):
    rng = np.random.default_rng(n)
    values = {
        "lognormal": lambda: np.exp(2 * rng.normal(size=(3, n))) - 4,
        "exponential": lambda: rng.exponential(size=(3, n)) - 0.8,
        "tied": lambda: np.round(rng.normal(0.3, 1, (3, n))),
    }[shape]()
    added = values.min(1) - 0.5
    weights = rng.dirichlet(np.ones(n + 1), SIMULATED_WEIGHTS)
    simulated = (np.concatenate([values, added[:, None]], axis=1) @ weights.T <= 0).mean(1)
    np.testing.assert_allclose(weighted_sum_below_zero(values, added), simulated, atol=0.006)


@given(seeds, st.integers(2, 200))
@settings(max_examples=60, deadline=None)
def test_turned_values_have_the_other_probability(seed, n):
    rng = np.random.default_rng(seed)
    values = rng.standard_t(2, (3, n)) + rng.normal(0, 0.3, (3, 1))
    added = rng.normal(size=3)
    below, above = weighted_sum_below_zero(values, added), weighted_sum_below_zero(-values, -added)
    np.testing.assert_allclose(below + above, 1, atol=2e-6)


@given(seeds, st.floats(1e-8, 1e8))
@settings(max_examples=60, deadline=None)
def test_the_unit_does_not_matter(seed, scale):
    rng = np.random.default_rng(seed)
    values, added = rng.exponential(size=(2, 20)) - 0.7, np.array([-1.0, -2.0])
    np.testing.assert_allclose(
        weighted_sum_below_zero(scale * values, scale * added), weighted_sum_below_zero(values, added), rtol=1e-6
    )


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_a_lower_added_observation_never_makes_it_less_likely(seed):
    rng = np.random.default_rng(seed)
    values = np.broadcast_to(rng.normal(0.3, 1, 16), (6, 16))
    found = weighted_sum_below_zero(values, -np.array([0.0, 0.1, 0.5, 1.0, 5.0, 50.0]))
    assert (np.diff(found) >= -1e-9).all()


def test_values_of_one_sign_are_certain():
    ones = np.ones((1, 8))
    assert weighted_sum_below_zero(ones, np.array([0.5])).tolist() == [0]
    assert weighted_sum_below_zero(-ones, np.array([-0.5])).tolist() == [1]
    assert weighted_sum_below_zero(0 * ones, np.array([0.0])).tolist() == [1]


def test_one_value_and_an_added_one_by_hand():
    """W · 3 − (1 − W) · 1 ≤ 0 where the uniform weight W is at most 1/4."""
    assert weighted_sum_below_zero(np.array([[3.0]]), np.array([-1.0]))[0] == pytest.approx(0.25, abs=1e-6)


def test_no_probability_depends_on_which_others_are_computed_with_it():
    """Some take more steps of Newton's method, or of the integral, than others; one has only two different terms."""
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(0.2, 1, 40), np.exp(2 * rng.normal(size=40)) - 4, np.repeat([-0.3, 0.7], 20)])
    values, added = np.concatenate([values, -values]), np.array([-2.0, -5.0, -0.3, -4.0, -90.0, -0.7])
    together = weighted_sum_below_zero(values, added)
    alone = [weighted_sum_below_zero(values[[k]], added[[k]])[0] for k in range(6)]
    np.testing.assert_allclose(alone, together, rtol=1e-12)


def test_many_tests_are_computed_in_parts(monkeypatch):
    rng = np.random.default_rng(0)
    values, added = rng.normal(0.2, 1, (30, 9)), np.full(30, -2.0)
    whole = weighted_sum_below_zero(values, added)
    monkeypatch.setattr(dirichlet, "TERMS_AT_ONCE", 70)
    np.testing.assert_allclose(weighted_sum_below_zero(values, added), whole, rtol=1e-7)
