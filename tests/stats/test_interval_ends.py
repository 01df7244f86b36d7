"""The ends of intervals are the bounds that the tests do not reject, in every design and unit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from mi_checks.prompts.factors import factor
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA_PER_SIDE
from mi_checks.stats.interval_ends import lower_ends, mean_ends, ratio_ends
from mi_checks.stats.mean_tests import bound_p_value
from mi_checks.stats.sampling import SamplingDesign, independent

seeds = st.integers(0, 10_000)
N = 48


def rounds(rng, size):
    return np.concatenate([rng.permutation(size) for _ in range(-(-N // size))])[:N]


def design_of(*sizes, fixed=0):
    rng = np.random.default_rng(0)
    factors = [factor(str(k), rounds(rng, size), sampled=True) for k, size in enumerate(sizes)]
    if fixed:
        factors.append(factor("fixed", rounds(rng, fixed), sampled=False))
    return SamplingDesign(N, tuple(factors))


DESIGNS = (independent(N), design_of(12), design_of(12, 16), design_of(16, 20, 24, 30), design_of(12, fixed=3))
designs = st.sampled_from(DESIGNS)
draws = st.sampled_from([np.random.Generator.normal, np.random.Generator.exponential, np.random.Generator.lognormal])


@given(seeds, designs, draws)
@settings(max_examples=50, deadline=None)
def test_p_values_at_the_ends_are_the_level(seed, design, draw):
    values = draw(np.random.default_rng(seed), size=(2, N))
    low, high = mean_ends(values, design)
    for row, least, most in zip(values, low, high, strict=True):
        assert least < row.mean() < most
        assert bound_p_value(row, Bound(at_least=least), design) == pytest.approx(ALPHA_PER_SIDE, rel=2e-3)
        assert bound_p_value(row, Bound(at_most=most), design) == pytest.approx(ALPHA_PER_SIDE, rel=2e-3)


@given(seeds, designs, draws)
@settings(max_examples=40, deadline=None)
def test_p_values_at_the_ends_of_ratios_are_the_level(seed, design, draw):
    rng = np.random.default_rng(seed)
    whole = rng.normal(4, 1, N)
    parts = 0.3 * whole + draw(rng, size=(2, N))
    low, high = ratio_ends(parts, whole, design)
    for row, least, most in zip(parts, low, high, strict=True):
        above = bound_p_value(row, Bound(at_least=least), design, whole=whole)
        below = bound_p_value(row, Bound(at_most=most), design, whole=whole)
        assert (above, below) == pytest.approx((ALPHA_PER_SIDE, ALPHA_PER_SIDE), rel=2e-3)


@given(seeds, designs)
@settings(max_examples=30, deadline=None)
def test_p_values_at_the_ends_within_limits_are_the_level(seed, design):
    values = np.random.default_rng(seed).beta(5, 0.5, (2, N))
    low, high = mean_ends(values, design, (0.0, 1.0))
    for row, least, most in zip(values, low, high, strict=True):
        assert 0 <= least < row.mean() < most <= 1
        above = bound_p_value(row, Bound(at_least=least), design, limits=(0.0, 1.0))
        assert above == pytest.approx(ALPHA_PER_SIDE, rel=2e-3)
        below = bound_p_value(row, Bound(at_most=most), design, limits=(0.0, 1.0))
        assert below == pytest.approx(ALPHA_PER_SIDE, rel=2e-3) or most == 1


@given(seeds, designs, st.floats(-50, 50), st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_intervals_move_and_stretch_with_the_values(seed, design, shift, scale):
    values = np.random.default_rng(seed).exponential(size=(2, N))
    low, high = mean_ends(values, design)
    moved_low, moved_high = mean_ends(shift + scale * values, design)
    width = scale * (high - low)
    np.testing.assert_allclose((moved_low - shift - scale * low) / width, 0, atol=1e-3)
    np.testing.assert_allclose((moved_high - shift - scale * high) / width, 0, atol=1e-3)
    turned_low, turned_high = mean_ends(-values, design)
    np.testing.assert_allclose(turned_low, -high, rtol=1e-3)
    np.testing.assert_allclose(turned_high, -low, rtol=1e-3)


@pytest.mark.parametrize("n", [1, 2, 8, 37, 256])
def test_of_zeros_and_ones_they_are_clopper_and_pearsons(n):
    """The search ends within 0.0003 probits of the level, which is about as much of a standard error."""
    successes = np.arange(n + 1)
    values = (np.arange(n)[None] < successes[:, None]).astype(float)
    low, high = mean_ends(values, independent(n), (0.0, 1.0))
    for k, least, most in zip(successes.tolist(), low, high, strict=True):
        exact = reference.binomtest(k, n).proportion_ci(method="exact")
        assert (least, most) == pytest.approx((exact.low, exact.high), abs=3e-4 * 0.5 / np.sqrt(n))


@given(seeds, st.integers(1, 64))
@settings(max_examples=40, deadline=None)
def test_within_limits_no_interval_is_without_width(seed, n):
    """Even if all values are alike, and at a limit."""
    rng = np.random.default_rng(seed)
    values = np.stack([np.full(n, 1.0), np.full(n, 0.0), np.full(n, rng.random()), rng.random(n)])
    low, high = mean_ends(values, independent(n), (0.0, 1.0))
    assert (high - low > 1 / (n + 2)).all()
    assert (low >= 0).all()
    assert (high <= 1).all()


@given(seeds, st.sampled_from([8, 16, 64]), draws)
@settings(max_examples=30, deadline=None)
def test_they_are_at_least_students(seed, n, draw):
    values = draw(np.random.default_rng(seed), size=(3, n))
    low, high = mean_ends(values, independent(n))
    t_low, t_high = reference.t.interval(0.95, n - 1, values.mean(1), reference.sem(values, axis=1))
    assert (low <= t_low + 1e-3 * (t_high - t_low)).all()
    assert (high >= t_high - 1e-3 * (t_high - t_low)).all()


def test_clusters_make_intervals_wider_and_strata_narrower():
    rng = np.random.default_rng(0)
    clustered, stratified = design_of(12), design_of(fixed=3)
    values = rng.normal(size=12)[np.array(clustered.factors[0].rows)] + 0.2 * rng.normal(size=N)
    (low,), (high,) = mean_ends(values[None], clustered)
    (plain_low,), (plain_high,) = mean_ends(values[None], independent(N))
    assert high - low > 1.5 * (plain_high - plain_low)
    values = 3.0 * np.array(stratified.factors[0].rows) + rng.normal(size=N)
    (low,), (high,) = mean_ends(values[None], stratified)
    (plain_low,), (plain_high,) = mean_ends(values[None], independent(N))
    assert high - low < 0.6 * (plain_high - plain_low)


@given(seeds, st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_a_ratio_does_not_depend_on_the_unit(seed, scale):
    rng = np.random.default_rng(seed)
    whole = rng.normal(3, 1, 32)
    parts = 0.5 * whole + rng.normal(0, 0.5, (2, 32))
    one, other = ratio_ends(parts, whole, independent(32)), ratio_ends(scale * parts, scale * whole, independent(32))
    np.testing.assert_allclose(one, other, rtol=1e-4)


def test_a_ratio_to_a_whole_that_may_be_zero_has_no_end():
    """Its mean is less than one standard error from zero: Fieller's set is unbounded."""
    rng = np.random.default_rng(0)
    whole = rng.normal(0, 1, N)
    whole += 0.05 - whole.mean()
    low, high = ratio_ends(rng.normal(3, 1, (1, N)), whole, independent(N))
    assert np.isinf(low[0]) or np.isinf(high[0])


def test_the_search_finds_ends_of_any_smooth_test():
    """Student's t, whose ends are known in closed form."""
    values = np.random.default_rng(1).normal(2, 3, (4, 20))
    mean, error = values.mean(1), reference.sem(values, axis=1)
    ends = lower_ends(lambda bounds, rows: reference.t.sf((mean[rows] - bounds) / error[rows], 19), mean, error)
    np.testing.assert_allclose(ends, mean - reference.t.isf(0.025, 19) * error, atol=1e-3)


def test_the_search_says_where_there_is_no_end():
    assert lower_ends(lambda bounds, rows: np.full(len(rows), 0.3), np.zeros(2), np.ones(2)).tolist() == [
        -np.inf,
        -np.inf,
    ]


@pytest.mark.parametrize("design", DESIGNS)
def test_no_interval_depends_on_which_others_are_computed_with_it(design):
    """Whatever the shapes, exactly: the cache of intervals stores them one by one."""
    rng = np.random.default_rng(0)
    values = np.stack([rng.normal(size=N), rng.lognormal(size=N), -rng.lognormal(size=N), rng.standard_t(2, N)])
    limited = rng.beta(5, 0.5, (4, N))
    limited[0] = limited[0] > 0.5
    whole = rng.normal(3, 1, N)
    for ends, rows in (
        (lambda rows: mean_ends(rows, design), values),
        (lambda rows: mean_ends(rows, design, (0.0, 1.0)), limited),
        (lambda rows: ratio_ends(rows, whole, design), values),
    ):
        together = np.array(ends(rows))
        alone = np.concatenate([np.array(ends(row[None])) for row in rows], axis=1)
        np.testing.assert_allclose(alone, together, rtol=1e-9, atol=1e-12)
