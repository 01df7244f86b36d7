"""Intervals cover, tests keep their error rate, verdicts have three ways: known values, properties and simulations."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats as reference

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import ALPHA
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.intervals import (
    NoEffectSize,
    mean_interval,
    paired_proportion_interval,
    proportion_interval,
    ratio_interval,
)
from mi_checks.stats.judgement import judge, prompts_to_settle
from mi_checks.stats.p_values import holm, mean_p_value, prompts_for_significance, ratio_p_values

SIMULATIONS = 4000
FAMILIES = 1000
# A percentile bootstrap interval is short by about √((n − 1)/n) and takes normal for t quantiles: at n = 64 its nominal
# 95 % are 94.2 % of normal data. Skewed data cost it more, and the test of them says how much is let pass.
SHORT = 0.008


def chance(simulations):
    """Three standard errors of a share of simulations: what chance alone moves a simulated 5 % or 95 % by."""
    return 3 * math.sqrt(0.95 * 0.05 / simulations)


values = st.floats(-100, 100).map(lambda x: round(x, 3))
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30).map(np.array)


def estimate(value, low, high, n=64):
    return Estimate(value, low, high, n, "logits", "bootstrap of the mean")


def covered(draw, truth, interval):
    """The share of simulations whose interval holds the truth."""
    rng = np.random.default_rng(0)
    found = [interval(*draw(rng)) for _ in range(SIMULATIONS)]
    return np.mean([e.low <= truth <= e.high for e in found])


# --- the mean


def test_the_bootstrap_of_a_mean_covers_it():
    share = covered(lambda rng: [rng.normal(2, 3, 64)], 2, lambda x: mean_interval(x, "logits"))
    assert 0.95 - SHORT - chance(SIMULATIONS) <= share <= 0.95 + chance(SIMULATIONS)


def test_the_bootstrap_of_a_skewed_mean_covers_it_nearly():
    """Exponential values, skewness 2: Efron & Tibshirani's percentile interval lags the skew, and loses some 2 %."""
    share = covered(lambda rng: [rng.exponential(1, 64)], 1, lambda x: mean_interval(x, "logits"))
    assert 0.95 - 0.02 - chance(SIMULATIONS) <= share <= 0.95 + chance(SIMULATIONS)


def test_the_interval_of_a_mean_is_nearly_the_textbook_one():
    x = np.random.default_rng(1).normal(0, 1, 400)
    found = mean_interval(x, "logits")
    low, high = reference.t.interval(0.95, 399, x.mean(), reference.sem(x))
    assert (found.value, found.n, found.unit) == (x.mean(), 400, "logits")
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)


def test_the_same_values_give_the_same_interval():
    x = np.random.default_rng(2).normal(0, 1, 64)
    assert mean_interval(x, "logits") == mean_interval(x.copy(), "logits")


def test_values_that_are_all_alike_have_an_interval_of_no_width():
    found = mean_interval(np.full(8, 3.0), "logits")
    assert (found.value, found.low, found.high) == pytest.approx((3, 3, 3))


# --- the ratio


@settings(max_examples=40, deadline=None)
@given(scale=st.floats(1e-3, 1e3), seed=st.integers(0, 99))
def test_a_ratio_does_not_depend_on_the_unit(scale, seed):
    rng = np.random.default_rng(seed)
    whole = rng.normal(3, 1, 32)
    part = 0.5 * whole + rng.normal(0, 0.5, 32)
    one, other = ratio_interval(part, whole), ratio_interval(part * scale, whole * scale)
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), rel=1e-9)


def test_a_ratio_is_of_means_and_not_the_mean_of_ratios():
    """One prompt without an effect size would be most of a mean of ratios."""
    whole = np.array([2.0] * 15 + [1e-9])
    part = np.array([1.0] * 16)
    assert np.mean(part / whole) > 1e7
    assert ratio_interval(part, whole).value == pytest.approx(16 / 30)


def test_a_part_that_is_a_fixed_share_is_certain():
    whole = np.random.default_rng(3).normal(4, 2, 64)
    found = ratio_interval(0.25 * whole, whole)
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))


def test_the_bootstrap_of_a_ratio_covers_it():
    def draw(rng):
        whole = rng.normal(4, 2, 64)
        return 0.4 * whole + rng.normal(0, 1, 64), whole

    assert 0.95 - SHORT - chance(SIMULATIONS) <= covered(draw, 0.4, ratio_interval) <= 0.95 + chance(SIMULATIONS)


def test_without_an_effect_size_there_is_no_ratio():
    whole = np.random.default_rng(4).normal(0, 1, 64)
    with pytest.raises(NoEffectSize) as error:
        ratio_interval(whole, whole)
    shown = mean_interval(whole, "logits")
    assert error.value.in_unit("nats") == (
        f"clean − corrupt is {shown.value:.3f} nats [{shown.low:.3f}, {shown.high:.3f}], which is not above zero"
    )


def test_an_effect_size_the_wrong_way_round_is_none():
    """A fraction of a negative effect size would praise what makes the corrupt prompt better."""
    whole = np.random.default_rng(5).normal(-5, 1, 64)
    with pytest.raises(NoEffectSize, match="which is not above zero"):
        ratio_interval(0.9 * whole, whole)


# --- the proportion


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    # (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n) with z = 1.959964
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_by_hand(successes, n, low, high):
    found = proportion_interval(successes, n)
    assert (found.value, found.n) == (successes / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=6e-5)


@pytest.mark.parametrize("n", [1, 2, 37, 256])
def test_wilson_as_scipy_has_it(n):
    for successes in range(n + 1):
        found, wanted = (
            proportion_interval(successes, n),
            reference.binomtest(successes, n).proportion_ci(method="wilson"),
        )
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-12)


def test_all_of_few_is_not_certain():
    assert proportion_interval(4, 4).low < 0.52
    assert proportion_interval(400, 400).low > 0.98


# --- the one-sided tests of a ratio


def test_a_ratio_is_tested_as_scipy_would():
    rng = np.random.default_rng(6)
    whole = rng.normal(4, 1, 32)
    parts = rng.normal(1, 1, (5, 32)) * np.arange(5)[:, None]
    above, below = ratio_p_values(parts, whole, 0.3)
    for i, part in enumerate(parts):
        excess = part - 0.3 * whole
        assert above[i] == pytest.approx(reference.ttest_1samp(excess, 0, alternative="greater").pvalue)
        assert below[i] == pytest.approx(reference.ttest_1samp(excess, 0, alternative="less").pvalue)
    np.testing.assert_allclose(above + below, 1)


def test_an_effect_without_variance_is_certain():
    whole = np.full(8, 4.0)
    above, below = ratio_p_values(np.array([[0.0] * 8, [4.0] * 8, [1.0] * 8]), whole, 0.25)
    assert above.tolist() == [1, 0, 0.5]  # below the bound, above it, and on it
    assert below.tolist() == [0, 1, 0.5]


# --- Holm


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
        above, _ = ratio_p_values(0.15 * whole + noise, whole, 0.15)
        wrong += bool((correct(above) < ALPHA).any())
    return wrong / FAMILIES


@pytest.mark.parametrize("shared", [0.0, 0.8])
def test_holm_keeps_the_family_wise_error(shared):
    """Whether the nodes' effects vary together or each alone."""
    assert family_wise_error(holm, shared) <= ALPHA + chance(FAMILIES)


def test_without_holm_the_error_would_be_large():
    assert family_wise_error(lambda p: p, 0.0) > 0.3


# --- the verdict


@given(values, values, values, values)
def test_a_verdict_has_three_ways(a, b, c, bound):
    low, value, high = sorted((a, b, c))
    found = estimate(value, low, high)
    at_least, at_most = judge(found, Bound(at_least=bound)), judge(found, Bound(at_most=bound))
    assert at_least == ("pass" if low >= bound else "fail" if high < bound else "inconclusive")
    assert at_most == ("pass" if high <= bound else "fail" if low > bound else "inconclusive")
    if "pass" in (at_least, at_most):
        assert {at_least, at_most} in ({"pass", "fail"}, {"pass", "inconclusive"}, {"pass"})
    assert (at_least == at_most == "inconclusive") == (low < bound < high)


@given(values, values, values, values, values)
def test_two_sides_are_both_to_be_kept(a, b, c, one, other):
    low, value, high = sorted((a, b, c))
    least, most = sorted((one, other))
    found = estimate(value, low, high)
    both = judge(found, Bound(at_least=least, at_most=most))
    each = {judge(found, Bound(at_least=least)), judge(found, Bound(at_most=most))}
    assert (both == "pass") == (each == {"pass"})
    assert (both == "fail") == ("fail" in each)


@given(values, values, values, values, st.floats(0, 50))
def test_a_wider_interval_never_decides_more(a, b, c, bound, more):
    low, value, high = sorted((a, b, c))
    narrow = judge(estimate(value, low, high), Bound(at_least=bound))
    wide = judge(estimate(value, low - more, high + more), Bound(at_least=bound))
    assert wide in (narrow, "inconclusive")


# --- how many prompts would settle it


def test_half_the_distance_takes_four_times_the_prompts():
    assert prompts_to_settle(estimate(1.0, 0.0, 2.0, 100), Bound(at_least=0.5)) == math.ceil(400 * 1.1)
    assert prompts_to_settle(estimate(1.0, 0.0, 2.0, 100), Bound(at_least=1.5)) == math.ceil(400 * 1.1)
    assert prompts_to_settle(estimate(1.0, 0.0, 2.0, 100), Bound(at_most=1.25)) == math.ceil(1600 * 1.1)


def test_what_is_settled_needs_no_more():
    assert prompts_to_settle(estimate(1.0, 0.5, 1.5, 100), Bound(at_least=0.2)) == 100


def test_a_value_on_the_bound_is_never_settled():
    assert prompts_to_settle(estimate(1.0, 0.5, 1.5, 100), Bound(at_least=1.0)) is None


def test_the_harder_of_two_sides_counts():
    bound = Bound(at_least=0.9, at_most=1.25)
    assert prompts_to_settle(estimate(1.0, 0.5, 1.5, 100), bound) == pytest.approx(100 * 25 * 1.1, abs=1)


@given(values, values, values, values)
def test_more_are_asked_for_wherever_it_is_inconclusive(a, b, c, bound):
    low, value, high = sorted((a, b, c))
    found = estimate(value, low, high)
    assume(judge(found, Bound(at_least=bound)) == "inconclusive")
    enough = prompts_to_settle(found, Bound(at_least=bound))
    assert enough is None or enough > found.n


@pytest.mark.parametrize("bound", [2.7, 3.3])
def test_as_many_prompts_as_it_says_settle_it(bound):
    """The estimate is an average over luck, so most, not all, of the larger samples decide."""
    rng = np.random.default_rng(8)
    first = rng.normal(3, 2, 64)
    first += 3 - first.mean()
    enough = prompts_to_settle(mean_interval(first, "logits"), Bound(at_least=bound))
    assert 64 < enough < 1000
    larger = [judge(mean_interval(rng.normal(3, 2, enough), "logits"), Bound(at_least=bound)) for _ in range(50)]
    right = "pass" if bound < 3 else "fail"
    assert larger.count(right) > 25
    assert set(larger) <= {right, "inconclusive"}


@given(st.lists(values, min_size=2, max_size=40).map(np.array))
def test_the_paired_t_test_is_scipys(drawn):
    assume(drawn.std() > 1e-3)
    assert mean_p_value(drawn) == pytest.approx(reference.ttest_1samp(drawn, 0).pvalue, abs=1e-12)


@pytest.mark.parametrize(("same", "p_value"), [(0.0, 1.0), (3.0, 0.0), (-0.1, 0.0)])
def test_prompts_that_all_differ_by_the_same_are_certain(same, p_value):
    assert mean_p_value(np.full(8, same)) == p_value


def test_the_paired_t_test_keeps_its_error_rate():
    rng = np.random.default_rng(2)
    found = np.mean([mean_p_value(rng.normal(size=64)) < ALPHA for _ in range(SIMULATIONS)])
    assert abs(found - ALPHA) < chance(SIMULATIONS)


@given(st.floats(1e-6, 0.9), st.integers(2, 1000), st.integers(1, 500))
def test_more_comparisons_take_more_prompts(p_value, n, comparisons):
    one, more = prompts_for_significance(p_value, n, comparisons), prompts_for_significance(p_value, n, comparisons + 1)
    assert one is not None
    assert more is not None
    assert one <= more


def test_how_many_prompts_would_tell():
    assert prompts_for_significance(ALPHA, 100, 1) in (110, 111)  # a tenth to spare
    assert prompts_for_significance(0.99, 100, 1) is None


def test_paired_proportions_have_a_width_however_alike():
    alike = np.ones(64)
    found = paired_proportion_interval(alike, alike)
    assert (found.value, found.low, found.high) == (
        0,
        pytest.approx(-0.0297, abs=1e-4),
        pytest.approx(0.0297, abs=1e-4),
    )
    before, after = np.array([1.0] * 40 + [0.0] * 24), np.array([1.0] * 30 + [0.0] * 34)
    found = paired_proportion_interval(before, after)
    assert found.value == -10 / 64
    # by hand: −10/66 ± 1.96 · √((10 + 0 + 1)/66 − (10/66)²)/√66
    assert (found.low, found.high) == (pytest.approx(-0.2430, abs=1e-4), pytest.approx(-0.0600, abs=1e-4))


def test_paired_proportions_hold_the_truth():
    draw = np.random.default_rng(0)
    held = 0
    for _ in range(500):
        before, flips = draw.random(100) < 0.8, draw.random(100) < 0.1
        found = paired_proportion_interval(before.astype(float), (before ^ flips).astype(float))
        held += found.low <= 0.1 * (0.2 - 0.8) <= found.high
    assert held / 500 >= 0.93
