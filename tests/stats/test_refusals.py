"""Estimates without an interval: each reason, and whether as many as they ask for would do."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.prompts.factors import factor
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Refusal
from mi_checks.stats.intervals import ratio_interval
from mi_checks.stats.mean_tests import bound_p_value, equivalence_p_value, ratio_p_values
from mi_checks.stats.refusals import ratio_refusals, refusals, too_few, too_few_for_family
from mi_checks.stats.sampling import SamplingDesign, independent

RNG = np.random.default_rng(0)


def over_rows(n, rows, name="noun"):
    return SamplingDesign(n, (factor(name, np.arange(n) % rows, sampled=True),))


def refused(values, design, **more):
    return refusals(np.asarray(values, dtype=float)[None], design, **more)[0]


@pytest.mark.parametrize("n", [2, 7])
def test_fewer_than_eight_prompts(n):
    values = RNG.normal(size=n)
    assert refused(values, independent(n)) == Refusal("few prompts", n, 8)
    assert refused(values, independent(n), limited=True) is None
    assert refused(RNG.normal(size=8), independent(8)) is None


def test_fewer_than_eight_rows_of_a_sampled_factor():
    values = RNG.normal(size=64)
    for limited in (False, True):
        assert refused(values, over_rows(64, 7), limited=limited) == Refusal("few rows", 7, 8, "noun")
        assert refused(values, over_rows(64, 8), limited=limited) is None


def test_the_factor_with_the_fewest_rows_is_named():
    both = SamplingDesign(64, (over_rows(64, 7, "noun").factors[0], factor("verb", np.arange(64) // 13, sampled=True)))
    assert refused(RNG.normal(size=64), both) == Refusal("few rows", 5, 8, "verb")


def test_fixed_rows_may_be_few():
    kinds = SamplingDesign(64, (factor("kind", np.arange(64) % 3, sampled=False),))
    assert refused(RNG.normal(size=64), kinds) is None


@pytest.mark.parametrize(
    ("n", "different", "is_refused"),
    [
        (16, 3, True),
        (16, 4, False),
        (20, 4, True),
        (64, 4, True),
        (64, 5, False),
        (256, 4, True),
        (256, 1, True),
        (256, 0, False),
        (64, 0, False),
        (63, 0, True),
        (16, 0, True),
    ],
)
def test_few_different_values(n, different, is_refused):
    """At least 80 % identical, and fewer than five that differ, or none of fewer than 64: of 16, 4 are 25 %."""
    values = np.full(n, 0.3)
    values[:different] = RNG.normal(size=different)
    refusal = refused(values, independent(n))
    assert (refusal is not None) == is_refused
    if refusal is not None:
        assert (refusal.reason, refusal.have, refusal.factor) == ("few different values", different, "")
    assert refused(values, independent(n), limited=True) is None


def test_values_that_differ_by_rounding_are_identical():
    values = 3.0 + 1e-7 * RNG.normal(size=64)
    values[:2] = 5.0
    assert refused(values, independent(64)).reason == "few different values"
    assert refused(1e-3 * (values[2:] - 3), independent(62)) is None  # small, but different


def test_zero_on_every_prompt_is_no_accident_of_the_sample():
    for design in (independent(4), over_rows(64, 5), independent(64)):
        assert refused(np.zeros(design.n), design) is None


def test_each_estimate_is_judged_alone():
    values = np.stack([RNG.normal(size=64), 2.0 + (np.arange(64) < 2), np.zeros(64)])
    assert [each is None for each in refusals(values, independent(64))] == [True, False, True]


@given(st.integers(1, 4), st.integers(20, 300))
@settings(max_examples=60, deadline=None)
def test_with_as_many_prompts_as_it_asks_for_it_refuses_no_longer(different, n):
    """If as large a fraction of prompts differs."""
    values = np.zeros(n)
    values[:different] = 1.0 + np.arange(different)
    values += 1.0
    need = refused(values, independent(n)).need
    assert need > n
    expected = int(need * different / n)
    larger = np.ones(need)
    larger[:expected] += 1 + np.arange(expected)
    assert expected >= 5
    assert refused(larger, independent(need)) is None


def test_clusters_that_are_alike_ask_for_rows():
    """Every noun behaves alike but for two of 16: more prompts of the same nouns would not help."""
    nouns = over_rows(64, 16)
    values = np.where(np.array(nouns.factors[0].rows) < 2, 5.0, 1.0)
    values = values + np.tile(np.repeat([0.5, -0.5], 16), 2)  # within a noun, prompts differ and cancel
    refusal = refused(values, nouns)
    assert refusal == Refusal("few different values", 2, 60, "noun")  # 1.5 · 16 · 5 / 2
    more = over_rows(120, refusal.need)
    larger = np.where(np.array(more.factors[0].rows) < 2 * refusal.need // 16, 5.0 + RNG.normal(size=120), 1.0)
    assert refused(larger, more) is None


@pytest.mark.parametrize(("tests", "need"), [(1, 8), (2, 10), (6, 16), (96, 64), (200, 92)])
def test_families_need_observations(tests, need):
    assert too_few_for_family(independent(need), tests) is None
    few = too_few_for_family(independent(need - 1), tests)
    if tests == 1:
        assert few == Refusal("few prompts", 7, 8)
    else:
        assert few == Refusal("few observations for the tests", need - 1, need, "", tests)


def test_families_over_rows_need_rows():
    assert too_few_for_family(over_rows(256, 20), 96) == Refusal("few observations for the tests", 20, 64, "noun", 96)
    assert too_few_for_family(over_rows(256, 64), 96) is None
    assert too_few_for_family(over_rows(256, 5), 96) == Refusal("few rows", 5, 8, "noun")


def test_enough_of_everything():
    assert too_few(independent(8)) is None
    assert too_few(over_rows(64, 8)) is None
    assert too_few(independent(7), limited=True) is None


# --- ratios: what counts is each prompt's own ratio


WHOLE = np.random.default_rng(1).normal(4, 1, 64)


@pytest.mark.parametrize("usual", [0.0, 1.0, 0.3])
def test_a_ratio_that_is_the_same_on_nearly_every_prompt(usual):
    """A part that is zero, or all of the whole, on all prompts but three: the means' ratio varies over prompts.

    It has no interval, but it can be tested, as if the next prompt showed all of the whole.
    """
    part = usual * WHOLE
    part[:3] += 2.0
    (refusal,) = ratio_refusals(part[None], WHOLE, independent(64))
    assert refusal == Refusal("few different values", 3, 160)
    assert ratio_interval(part, WHOLE, independent(64)).refusal == refusal
    assert bound_p_value(part, Bound(at_most=usual + 0.5), independent(64), whole=WHOLE) == 1
    bound = usual + 0.5
    unseen = max(1.0, 2 * bound) if bound >= 1 else 1.0
    rng = np.random.default_rng(3)
    weights = rng.dirichlet(np.ones(65), 100_000)
    excess = np.append(bound * WHOLE - part, min((bound - unseen) * WHOLE.mean(), (bound * WHOLE - part).min()))
    expected = float((weights @ excess <= 0).mean())
    found = float(ratio_p_values(part[None], WHOLE, bound, independent(64))[1][0])
    assert found >= expected - 0.005


@pytest.mark.parametrize("usual", [0.0, 1.0, 0.3])
def test_a_ratio_that_is_the_same_on_every_prompt_but_for_rounding_is_no_accident(usual):
    part = usual * WHOLE + 1e-9 * np.random.default_rng(2).normal(size=64) * (usual > 0)
    assert ratio_refusals(part[None], WHOLE, independent(64)) == [None]
    assert bound_p_value(part, Bound(at_most=usual + 0.5), independent(64), whole=WHOLE) < 1e-6


@pytest.mark.parametrize(("n", "is_refused"), [(63, True), (64, False)])
def test_fewer_than_64_ratios_that_are_all_the_same(n, is_refused):
    """A ratio of zero is no accident; any other may be, of too few prompts."""
    whole = np.random.default_rng(1).normal(4, 1, n)
    expected = Refusal("few different values", 0, 64) if is_refused else None
    for design, refusal in (
        (independent(n), expected),
        (over_rows(4 * n, n), None if expected is None else replace(expected, factor="noun")),
    ):
        wholes = np.tile(whole, design.n // n)
        assert ratio_refusals(np.stack([0 * wholes, 0.3 * wholes, wholes]), wholes, design) == [None, refusal, refusal]
        assert ratio_interval(0.3 * wholes, wholes, design).refusal == refusal
        p_value = bound_p_value(0.3 * wholes, Bound(at_most=0.8), design, whole=wholes)
        assert p_value == 1 if is_refused else p_value < 1e-6


def test_a_part_that_is_constant_while_the_whole_varies_has_a_ratio():
    assert ratio_refusals(np.ones((1, 64)), WHOLE, independent(64)) == [None]


def test_what_is_too_alike_is_not_equivalent_either():
    """Three of 64 prompts changed by 0.001: on the next prompts it may be more."""
    changed = np.where(np.arange(64) < 3, 0.001, 0.0)
    assert equivalence_p_value(changed, 0.1, independent(64)) == 1
    assert equivalence_p_value(0.001 * np.random.default_rng(0).normal(size=64), 0.1, independent(64)) < 1e-6
