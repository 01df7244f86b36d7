"""Tests of means: known distributions, symmetries, and how they relate to Student's t."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from mi_checks.prompts.factors import factor
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.mean_tests import (
    CLUSTER_UNSEEN_FACTOR,
    bound_p_value,
    equivalence_p_value,
    mean_beyond_p_value,
    mean_p_value,
    mean_p_values,
    ratio_p_values,
    unseen_distance,
)
from mi_checks.stats.sampling import SamplingDesign, independent

seeds = st.integers(0, 10_000)
SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size),
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
    "lognormal": lambda rng, size: rng.lognormal(size=size) - np.exp(0.5),
    "t, 3 degrees": lambda rng, size: rng.standard_t(3, size),
}
shapes = st.sampled_from(list(SHAPES))


def crossed(n, *sizes, seed=0):
    """Sampled factors of these sizes, drawn in rounds."""
    rng = np.random.default_rng(seed)
    rows = [np.concatenate([rng.permutation(size) for _ in range(-(-n // size))])[:n] for size in sizes]
    return SamplingDesign(n, tuple(factor(str(k), each, sampled=True) for k, each in enumerate(rows)))


DESIGNS = {"independent": independent(48), "one factor": crossed(48, 12), "two factors": crossed(48, 12, 16)}
designs = st.sampled_from(list(DESIGNS.values()))


@given(seeds, shapes)
@settings(max_examples=60, deadline=None)
def test_it_is_never_bolder_than_students_t(seed, shape):
    values = SHAPES[shape](np.random.default_rng(seed), (4, 24)) + 0.4
    student = reference.ttest_1samp(values, 0, axis=1, alternative="greater").pvalue
    assert (mean_p_values(values, independent(24)) >= student - 1e-9).all()


def test_on_many_normal_values_it_is_nearly_students_t():
    values = np.random.default_rng(0).normal(0.1, 1, (20, 1000))
    student = reference.ttest_1samp(values, 0, axis=1, alternative="greater").pvalue
    np.testing.assert_allclose(mean_p_values(values, independent(1000)), student, atol=0.03)


@given(seeds, shapes, designs, st.floats(1e-6, 1e6))
@settings(max_examples=60, deadline=None)
def test_the_unit_does_not_matter(seed, shape, design, scale):
    values = SHAPES[shape](np.random.default_rng(seed), (2, 48)) + 0.3
    np.testing.assert_allclose(mean_p_values(scale * values, design), mean_p_values(values, design), rtol=1e-5)


@given(seeds, shapes, designs)
@settings(max_examples=40, deadline=None)
def test_the_order_of_prompts_does_not_matter(seed, shape, design):
    rng = np.random.default_rng(seed)
    values, order = SHAPES[shape](rng, (2, 48)) + 0.3, rng.permutation(48)
    shuffled = SamplingDesign(48, tuple(each.at(order.tolist()) for each in design.factors))
    np.testing.assert_allclose(mean_p_values(values[:, order], shuffled), mean_p_values(values, design), rtol=1e-5)


@given(seeds, shapes, designs)
@settings(max_examples=60, deadline=None)
def test_a_larger_mean_is_never_less_significant(seed, shape, design):
    values = SHAPES[shape](np.random.default_rng(seed), 48)
    found = mean_p_values(values + np.linspace(-1, 2, 13)[:, None], design)
    assert (np.diff(found) <= 1e-7).all()


@given(seeds, shapes, designs)
@settings(max_examples=60, deadline=None)
def test_not_both_sides_are_significant(seed, shape, design):
    values = SHAPES[shape](np.random.default_rng(seed), (3, 48))
    assert (mean_p_values(values, design) + mean_p_values(-values, design) >= 1 - 1e-6).all()


@given(seeds, shapes, designs)
@settings(max_examples=40, deadline=None)
def test_a_stricter_level_never_makes_a_p_value_smaller(seed, shape, design):
    values = SHAPES[shape](np.random.default_rng(seed), (3, 48)) + 0.5
    found = [mean_p_values(values, design, ALPHA_PER_SIDE / tests) for tests in (1, 6, 96)]
    assert (found[0] <= found[1] + 1e-9).all()
    assert (found[1] <= found[2] + 1e-9).all()


@pytest.mark.parametrize("n", [4, 16, 64])
def test_of_zeros_and_ones_it_is_the_exact_binomial_test(n):
    for successes in range(n + 1):
        values = np.repeat([1.0, 0.0], [successes, n - successes])
        for bound in (0.1, 0.5, 0.85):
            above = bound_p_value(values, Bound(at_least=bound), independent(n), limits=(0.0, 1.0))
            exact = reference.binomtest(successes, n, bound, alternative="greater").pvalue
            assert above == pytest.approx(exact, abs=2e-6)
            below = bound_p_value(values, Bound(at_most=bound), independent(n), limits=(0.0, 1.0))
            assert below == pytest.approx(reference.binomtest(successes, n, bound, alternative="less").pvalue, abs=2e-6)


def test_a_factor_whose_rows_are_all_alike_within_is_tested_as_its_rows():
    """Values that are the same on every prompt of a row say no more than one prompt per row."""
    rows = np.random.default_rng(3).normal(0.7, 1, 16)
    repeated = np.tile(rows, 4)
    design = SamplingDesign(64, (factor("noun", np.tile(np.arange(16), 4), sampled=True),))
    student = reference.ttest_1samp(rows, 0, alternative="greater").pvalue
    found = mean_p_values(repeated[None], design)[0]
    assert found >= student
    assert found == pytest.approx(mean_p_values(rows[None], independent(16))[0], rel=0.5)
    assert mean_p_values(repeated[None], independent(64))[0] < student / 2


def test_clustered_values_within_limits_are_tested_as_their_rows():
    rows = np.repeat([1.0, 0.0], [14, 2])
    design = SamplingDesign(64, (factor("noun", np.tile(np.arange(16), 4), sampled=True),))
    bound, limits = Bound(at_least=0.6), (0.0, 1.0)
    exact = reference.binomtest(14, 16, 0.6, alternative="greater").pvalue
    assert bound_p_value(np.tile(rows, 4), bound, design, limits=limits) == pytest.approx(exact, abs=1e-5)


def test_strata_make_a_test_sharper_and_not_strata_are_ignored_within_limits():
    rng = np.random.default_rng(0)
    kinds = np.arange(60) % 3
    values = rng.normal(0.4, 1, 60) + 3.0 * (kinds - 1)
    design = SamplingDesign(60, (factor("kind", kinds, sampled=False),))
    assert mean_p_values(values[None], design)[0] < 0.05 < mean_p_values(values[None], independent(60))[0]
    shares = rng.beta(2, 1, (1, 60))
    assert mean_p_values(shares - 0.6, design, least=-0.6) == mean_p_values(shares - 0.6, independent(60), least=-0.6)


def test_strata_do_not_move_a_test_of_values_that_do_not_differ_between_them():
    values = np.tile(np.random.default_rng(1).normal(0.3, 1, 20), 3)[None]
    kinds = SamplingDesign(60, (factor("kind", np.repeat(np.arange(3), 20), sampled=False),))
    assert mean_p_values(values, kinds)[0] == pytest.approx(mean_p_values(values, independent(60))[0], rel=0.5)


# --- the distance of the added observation


def test_the_unseen_distance_by_hand():
    values = np.array([[-3.0, 1.0, 1.0, 1.0]])
    third, variance = (27 - 3) / 4, (9 + 3) / 4
    assert unseen_distance(values)[0] == pytest.approx(third / variance * 60 / 4)
    assert unseen_distance(-values)[0] == 0
    assert unseen_distance(values, ALPHA_PER_SIDE**2)[0] == pytest.approx(third / variance * 15 * 2**1.5)
    assert unseen_distance(np.ones((1, 4)))[0] == 0


def test_clusters_have_more_of_their_tail_unseen():
    assert CLUSTER_UNSEEN_FACTOR > 1


# --- values that do not vary


@pytest.mark.parametrize(("value", "p_value"), [(3.0, 0.0), (-0.1, 1.0)])
@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_values_that_are_all_alike_are_certain(value, p_value, design):
    assert mean_p_values(np.full((1, 48), value), design).tolist() == [p_value]


@pytest.mark.parametrize("design", DESIGNS.values(), ids=DESIGNS)
def test_zeros_are_not_significant(design):
    assert mean_p_values(np.zeros((1, 48)), design)[0] >= 0.5
    assert mean_p_value(np.zeros(48), design) == 1


# --- ratios, two sides, equivalence


@given(seeds, designs)
@settings(max_examples=30, deadline=None)
def test_a_ratio_is_tested_as_the_mean_of_its_excess(seed, design):
    rng = np.random.default_rng(seed)
    whole = rng.normal(4, 1, 48)
    parts = rng.normal(1, 1, (5, 48)) * np.arange(5)[:, None]
    above, below = ratio_p_values(parts, whole, 0.3, design, tests=5)
    level = ALPHA_PER_SIDE / 5
    np.testing.assert_array_equal(above, mean_p_values(parts - 0.3 * whole, design, level))
    np.testing.assert_array_equal(below, mean_p_values(0.3 * whole - parts, design, level))
    of_one = bound_p_value(parts[3], Bound(at_least=0.3), design, whole=whole)
    assert of_one == ratio_p_values(parts[3:4], whole, 0.3, design)[0][0]


@given(seeds, designs)
@settings(max_examples=30, deadline=None)
def test_two_bounds_are_as_significant_as_the_worse(seed, design):
    values = np.random.default_rng(seed).normal(size=48)
    low, high = Bound(at_least=-0.3), Bound(at_most=0.4)
    each = [bound_p_value(values, bound, design) for bound in (low, high)]
    assert bound_p_value(values, Bound(at_least=-0.3, at_most=0.4), design) == max(each)


@given(seeds, shapes, designs, st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_beyond_and_within_a_margin_exclude_each_other(seed, shape, design, margin):
    values = SHAPES[shape](np.random.default_rng(seed), 48)
    beyond, within = mean_beyond_p_value(values, margin, design), equivalence_p_value(values, margin, design)
    assert beyond >= 0.5 or within >= 0.5
    assert (beyond == 1) == (abs(values.mean()) <= margin) or beyond > 0.99
    assert mean_beyond_p_value(-values, margin, design) == pytest.approx(beyond)
    assert equivalence_p_value(-values, margin, design) == pytest.approx(within)


def test_differences_of_proportions_are_tested_within_their_limits():
    """A sign test with ties: 12 gains, no losses and 20 ties are significant; 2 gains are not."""
    many, few = np.repeat([1.0, 0.0], [12, 20]), np.repeat([1.0, 0.0], [2, 30])
    limits = (-1.0, 1.0)
    assert mean_beyond_p_value(many, 0.0, independent(32), limits) < 0.05
    assert mean_beyond_p_value(few, 0.0, independent(32), limits) > 0.2
    assert mean_beyond_p_value(many, 0.3, independent(32), limits) > 0.2
    assert mean_beyond_p_value(-many, 0.0, independent(32), limits) == pytest.approx(
        mean_beyond_p_value(many, 0.0, independent(32), limits)
    )
