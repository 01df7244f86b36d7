"""Holm's correction, and the comparison of two estimates."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.stats.estimate import ALPHA, Estimate, Refusal
from mi_checks.stats.mean_tests import ratio_p_values
from mi_checks.stats.p_values import holm, independent_difference, prompts_for_significance
from mi_checks.stats.sampling import independent

FAMILIES = 400
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


def test_holm_by_hand():
    """Ordered: 0.005·4, 0.01·3, 0.03·2, 0.04·1, each at least the one before."""
    np.testing.assert_allclose(holm(np.array([0.01, 0.04, 0.03, 0.005])), [0.03, 0.06, 0.06, 0.02])


def test_holm_of_one_is_no_correction():
    assert holm(np.array([0.03])).tolist() == [0.03]


@given(p_values)
def test_holm_never_makes_a_p_value_smaller_nor_changes_the_order(raw):
    adjusted = holm(raw)
    assert (adjusted >= raw - 1e-15).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(raw, kind="stable")]) >= 0).all()


@given(p_values, st.randoms(use_true_random=False))
def test_holm_does_not_depend_on_the_order_asked_in(raw, random):
    order = list(range(len(raw)))
    random.shuffle(order)
    np.testing.assert_allclose(holm(raw)[order], holm(raw[order]))


@given(p_values)
def test_holm_is_no_stricter_than_bonferroni(raw):
    assert (holm(raw) <= np.minimum(raw * len(raw), 1) + 1e-15).all()


def family_wise_error(correct, shared):
    """How often some of 12 nodes, all exactly at the threshold, is found above it."""
    rng = np.random.default_rng(7)
    wrong = 0
    for _ in range(FAMILIES):
        whole = rng.normal(4, 1, 64)
        noise = math.sqrt(shared) * rng.normal(0, 1, 64) + math.sqrt(1 - shared) * rng.normal(0, 1, (12, 64))
        above, _ = ratio_p_values(0.15 * whole + noise, whole, 0.15, independent(64), tests=12)
        wrong += bool((correct(above) < ALPHA / 2).any())
    return wrong / FAMILIES


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_holm_keeps_the_family_wise_error(shared):
    """Whether the nodes' effects vary together or each alone; three standard errors of the binomial are let pass."""
    assert family_wise_error(holm, shared) <= ALPHA / 2 + 3 * math.sqrt(0.025 * 0.975 / FAMILIES)


def test_without_holm_the_error_would_be_large():
    assert family_wise_error(lambda p: p, 0.0) > 0.1


@given(st.floats(1e-6, 0.9), st.integers(2, 1000), st.integers(1, 500))
def test_more_comparisons_take_more_prompts(p_value, n, comparisons):
    one, more = prompts_for_significance(p_value, n, comparisons), prompts_for_significance(p_value, n, comparisons + 1)
    assert one is not None
    assert more is not None
    assert one <= more


def test_how_many_prompts_would_tell():
    assert prompts_for_significance(ALPHA, 100, 1) in (110, 111)  # a tenth to spare
    assert prompts_for_significance(0.99, 100, 1) is None


# --- two estimates, as if independent


def estimate(value, low, high, **more):
    return Estimate(value, low, high, 64, "logits", "by hand", **more)


def test_facing_half_widths_add_as_squares():
    """From 1 [0.7, 1.8] to 3 [2.6, 3.1]: below, 0.4 meets 0.8; above, 0.1 meets 0.3."""
    change, _ = independent_difference(estimate(1.0, 0.7, 1.8), estimate(3.0, 2.6, 3.1))
    assert (change.value, change.low, change.high) == pytest.approx(
        (2.0, 2 - math.hypot(0.4, 0.8), 2 + math.hypot(0.1, 0.3))
    )


def test_interval_and_p_value_agree():
    before = estimate(1.0, 0.7, 1.8)
    for end in np.linspace(0.5, 4.0, 15):
        change, p_value = independent_difference(before, estimate(end, end - 0.4, end + 0.3))
        assert (p_value < ALPHA) == (change.low > 0 or change.high < 0)


def test_a_margin_is_taken_off_the_nearer_end():
    before, after = estimate(1.0, 0.6, 1.3), estimate(2.0, 1.7, 2.4)
    change, p_value = independent_difference(before, after)
    edge = change.low  # as far as 0.05 reaches
    assert independent_difference(before, after, edge)[1] == pytest.approx(ALPHA, rel=1e-3)
    assert independent_difference(before, after, 1.5)[1] == 1
    assert independent_difference(after, before, edge)[1] == pytest.approx(ALPHA, rel=1e-3)
    assert independent_difference(after, before)[1] == pytest.approx(p_value)


def test_estimates_without_an_interval_have_no_difference_either():
    refused = estimate(3.0, 3.0, 3.0, refusal=Refusal("few prompts", 4, 8))
    for pair in ((refused, estimate(1.0, 0.5, 1.5)), (estimate(1.0, 0.5, 1.5), refused)):
        change, p_value = independent_difference(*pair)
        assert change.refusal == refused.refusal
        assert change.low == change.high == change.value
        assert p_value == 1


def test_the_fewer_clusters_count():
    change, _ = independent_difference(estimate(1.0, 0.5, 1.5, clusters=12), estimate(1.0, 0.5, 1.5, clusters=9))
    assert change.clusters == 9
    assert independent_difference(estimate(1, 0, 2), estimate(1, 0, 2))[0].clusters is None


def test_without_any_width_a_change_is_certain():
    assert independent_difference(estimate(1, 1, 1), estimate(2, 2, 2))[1] == 0
