"""Verdicts have three ways, and say how many observations would settle them."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Estimate, Refusal
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.judgement import judge, observations_to_settle
from mi_checks.stats.sampling import independent

values = st.floats(-100, 100).map(lambda x: round(x, 3))


def estimate(value, low, high, n=64, **more):
    return Estimate(value, low, high, n, "logits", "by hand", **more)


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


@given(values, values)
def test_without_an_interval_nothing_is_decided(value, bound):
    refused = estimate(value, value, value, refusal=Refusal("few prompts", 4, 8))
    assert judge(refused, Bound(at_least=bound)) == "inconclusive"
    assert judge(refused, Bound(at_most=bound)) == "inconclusive"


def test_half_the_distance_takes_four_times_the_prompts():
    assert observations_to_settle(estimate(1.0, 0.0, 2.0, 100), Bound(at_least=0.5)) == math.ceil(400 * 1.1)
    assert observations_to_settle(estimate(1.0, 0.0, 2.0, 100), Bound(at_least=1.5)) == math.ceil(400 * 1.1)
    assert observations_to_settle(estimate(1.0, 0.0, 2.0, 100), Bound(at_most=1.25)) == math.ceil(1600 * 1.1)


def test_if_prompts_share_rows_it_is_rows_that_would_settle_it():
    found = estimate(1.0, 0.0, 2.0, 256, clusters=20)
    assert observations_to_settle(found, Bound(at_least=0.5)) == math.ceil(80 * 1.1)


def test_the_half_width_on_the_side_of_the_bound_counts():
    found = estimate(1.0, 0.0, 1.5, 100)
    assert observations_to_settle(found, Bound(at_least=0.5)) == math.ceil(400 * 1.1)
    assert observations_to_settle(found, Bound(at_most=1.25)) == math.ceil(400 * 1.1)


def test_what_is_settled_needs_no_more():
    assert observations_to_settle(estimate(1.0, 0.5, 1.5, 100), Bound(at_least=0.2)) == 100


def test_a_value_on_the_bound_is_never_settled():
    assert observations_to_settle(estimate(1.0, 0.5, 1.5, 100), Bound(at_least=1.0)) is None


def test_the_harder_of_two_sides_counts():
    bound = Bound(at_least=0.9, at_most=1.25)
    assert observations_to_settle(estimate(1.0, 0.5, 1.5, 100), bound) == pytest.approx(100 * 25 * 1.1, abs=1)


@given(values, values, values, values)
def test_more_are_asked_for_wherever_it_is_inconclusive(a, b, c, bound):
    low, value, high = sorted((a, b, c))
    found = estimate(value, low, high)
    assume(judge(found, Bound(at_least=bound)) == "inconclusive")
    enough = observations_to_settle(found, Bound(at_least=bound))
    assert enough is None or enough > found.n


@pytest.mark.parametrize("bound", [2.7, 3.3])
def test_as_many_prompts_as_it_says_settle_it(bound):
    """The estimate is an average over luck, so most, not all, of the larger samples decide."""
    rng = np.random.default_rng(8)
    first = rng.normal(3, 2, 64)
    first += 3 - first.mean()
    enough = observations_to_settle(mean_interval(first, "logits", independent(64)), Bound(at_least=bound))
    assert 64 < enough < 1000
    found = [mean_interval(rng.normal(3, 2, enough), "logits", independent(enough)) for _ in range(30)]
    larger = [judge(each, Bound(at_least=bound)) for each in found]
    right = "pass" if bound < 3 else "fail"
    assert larger.count(right) > 15
    assert set(larger) <= {right, "inconclusive"}
