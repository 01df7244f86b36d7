"""Estimates with intervals: what they say of a sample, when they have none, and how often they hold.

The simulations at the end are small; `mi-checks calibrate` has the full tables. They are large enough to go red for the
percentile bootstrap.
"""

import math

import numpy as np
import pytest
from scipy import stats as reference

from mi_checks.prompts.factors import factor
from mi_checks.spec.check import Bound
from mi_checks.stats.estimate import Refusal
from mi_checks.stats.floor import RoundingFloor
from mi_checks.stats.interval_cache import IntervalCache
from mi_checks.stats.intervals import (
    PROBABILITY,
    NoEffectSize,
    mean_interval,
    proportion_interval,
    ratio_interval,
    ratio_intervals,
    ratio_parts,
    require_effect_size,
)
from mi_checks.stats.mean_tests import bound_p_value, equivalence_p_value, mean_p_values
from mi_checks.stats.sampling import SamplingDesign, independent


def nouns(n, rows):
    return SamplingDesign(n, (factor("noun", np.arange(n) % rows, sampled=True),))


# --- the mean


def test_the_interval_of_many_normal_values_is_nearly_the_textbook_one():
    x = np.random.default_rng(1).normal(0, 1, 1000)
    found = mean_interval(x, "logits", independent(1000))
    low, high = reference.t.interval(0.95, 999, x.mean(), reference.sem(x))
    assert (found.value, found.n, found.unit, found.clusters, found.refusal) == (x.mean(), 1000, "logits", None, None)
    assert found.low == pytest.approx(low, abs=0.01)
    assert found.high == pytest.approx(high, abs=0.01)


def test_the_same_values_give_the_same_interval():
    x = np.random.default_rng(2).normal(0, 1, 64)
    assert mean_interval(x, "logits", independent(64)) == mean_interval(x.copy(), "logits", independent(64))


def test_identical_values_may_still_lack_some_that_differ():
    """Of 64 that are all alike, 1 − 0.025^(1/64) of the population may have no effect, or twice the effect."""
    found = mean_interval(np.full(64, -3.0), "logits", independent(64))
    reach = 3 * (1 - 0.025 ** (1 / 64))
    assert (found.value, found.low, found.high) == pytest.approx((-3, -3 - reach, -3 + reach))
    assert found.refusal is None
    assert bound_p_value(np.full(64, -3.0), Bound(at_least=-3 - reach), independent(64)) == pytest.approx(0.025)
    assert bound_p_value(np.full(64, -3.0), Bound(at_most=-3 + reach), independent(64)) == pytest.approx(0.025)
    over_rows = mean_interval(np.full(256, -3.0), "logits", nouns(256, 64))
    assert (over_rows.low, over_rows.high) == pytest.approx((found.low, found.high))


@pytest.mark.parametrize(("design", "factor"), [(independent(63), ""), (nouns(256, 63), "noun")])
def test_fewer_than_64_identical_values_have_no_interval(design, factor):
    """Too few to hold an exception that 5 % of the population have: of 63, all lack it with 0.95^63 = 4 %."""
    found = mean_interval(np.full(design.n, -3.0), "logits", design)
    assert (found.value, found.low, found.high) == (-3, -3, -3)
    assert found.refusal == Refusal("few different values", 0, 64, factor)
    assert bound_p_value(np.full(design.n, -3.0), Bound(at_most=0), design) == 1
    assert equivalence_p_value(np.full(design.n, 0.001), 0.1, design) == 1


def test_zero_on_every_prompt_has_the_interval_that_rounding_hides():
    floor = RoundingFloor(np.full(16, 1e-4))
    zeros = 1e-5 * np.random.default_rng(0).normal(size=16)
    found = mean_interval(zeros, "logits", independent(16), floor=floor)
    assert (found.value, found.low, found.high, found.refusal) == (0, -1e-4, 1e-4, None)
    exact = mean_interval(np.zeros(16), "logits", independent(16))
    assert (exact.low, exact.high, exact.refusal) == (0, 0, None)


def test_an_estimate_says_how_many_rows_carry_it():
    x = np.random.default_rng(0).normal(size=64)
    assert mean_interval(x, "logits", nouns(64, 16)).clusters == 16
    refused = mean_interval(x, "logits", nouns(64, 5))
    assert (refused.clusters, refused.refusal) == (5, Refusal("few rows", 5, 8, "noun"))
    assert refused.low == refused.high == refused.value


def test_probabilities_have_an_interval_within_their_limits():
    x = np.full(16, 1.0)
    found = mean_interval(x, "attention probability", independent(16), limits=PROBABILITY)
    assert (found.low, found.high) == (pytest.approx(0.025 ** (1 / 16), abs=1e-4), pytest.approx(1))
    assert found.refusal is None


# --- proportions


@pytest.mark.parametrize("n", [1, 2, 37, 256])
def test_a_proportion_has_the_exact_interval(n):
    for successes in range(n + 1):
        found, wanted = proportion_interval(successes, n), reference.binomtest(successes, n).proportion_ci(0.95)
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)
        assert (found.value, found.n) == (successes / n, n)


@pytest.mark.parametrize("n", [1, 8, 40])
def test_it_is_that_of_the_mean_of_zeros_and_ones(n):
    for successes in range(0, n + 1, 3):
        values = np.repeat([1.0, 0.0], [successes, n - successes])
        of_mean = mean_interval(values, "fraction of prompts", independent(n), limits=PROBABILITY)
        of_counts = proportion_interval(successes, n)
        assert (of_mean.low, of_mean.high) == pytest.approx((of_counts.low, of_counts.high), abs=1e-4)


# --- ratios


def test_a_ratio_is_of_means_and_not_the_mean_of_ratios():
    """One prompt without an effect size would be most of a mean of ratios."""
    whole = np.array([2.0] * 15 + [1e-9]) + 0.1 * np.random.default_rng(0).normal(size=16)
    part = np.random.default_rng(1).normal(1, 0.1, 16)
    assert ratio_interval(part, whole, independent(16)).value == pytest.approx(part.sum() / whole.sum())


@pytest.mark.parametrize("fraction", [0.25, 1.0, 1 / 3, 0.0])
@pytest.mark.parametrize("with_floor", [False, True])
def test_a_part_that_is_a_fixed_share_is_certain(fraction, with_floor):
    whole = np.random.default_rng(3).normal(4, 1, 64)
    floor = RoundingFloor(np.full(64, 1e-5)) if with_floor else None
    found = ratio_interval(fraction * whole, whole, independent(64), floor=floor)
    assert (found.value, found.low, found.high) == pytest.approx((fraction,) * 3, abs=1e-5)


def test_several_ratios_are_those_of_each_alone():
    rng = np.random.default_rng(0)
    whole = rng.normal(4, 1, 64)
    parts = np.stack([0.5 * whole + rng.normal(size=64), np.zeros(64), np.where(np.arange(64) < 2, 3.0, 0.0)])
    for design in (independent(64), nouns(64, 16)):
        together = ratio_intervals(parts, whole, design)
        alone = [ratio_interval(part, whole, design) for part in parts]
        assert [each.value for each in together] == [each.value for each in alone]
        np.testing.assert_allclose([each.low for each in together], [each.low for each in alone], atol=1e-3)
        assert [each.refusal for each in together] == [each.refusal for each in alone]
    low, value, high = together[0].low, together[0].value, together[0].high
    assert low < value < high
    assert together[1].low == together[1].high == 0


def test_without_an_effect_size_there_is_no_ratio():
    whole = np.random.default_rng(4).normal(0, 1, 64)
    with pytest.raises(NoEffectSize) as error:
        ratio_interval(whole, whole, independent(64))
    shown = mean_interval(whole, "logits", independent(64))
    assert error.value.in_unit("nats") == (
        f"clean − corrupt is {shown.value:.3f} nats [{shown.low:.3f}, {shown.high:.3f}], which is not above zero"
    )


def test_an_effect_size_the_wrong_way_round_is_none():
    """A fraction of a negative effect size would praise what makes the corrupt prompt better."""
    whole = np.random.default_rng(5).normal(-5, 1, 64)
    with pytest.raises(NoEffectSize, match="which is not above zero"):
        ratio_interval(0.9 * whole, whole, independent(64))


def test_an_effect_size_over_few_rows_is_none():
    whole = np.random.default_rng(5).normal(5, 1, 64)
    with pytest.raises(NoEffectSize, match="of which no interval can be given") as error:
        ratio_interval(0.9 * whole, whole, nouns(64, 5))
    assert error.value.whole.refusal == Refusal("few rows", 5, 8, "noun")


def test_an_effect_size_within_rounding_is_none():
    whole = np.random.default_rng(5).normal(5e-5, 1e-6, 64)
    with pytest.raises(NoEffectSize, match="rounding alone"):
        require_effect_size(whole, independent(64), floor=RoundingFloor(np.full(64, 1e-4)))
    require_effect_size(whole, independent(64), floor=RoundingFloor(np.full(64, 1e-5)))


def test_parts_are_two_means():
    rng = np.random.default_rng(0)
    part, whole = rng.normal(1, 1, 32), rng.normal(4, 1, 32)
    found = ratio_parts(part, whole, "logits", independent(32), "it")
    assert found.numerator == mean_interval(part, "logits", independent(32))
    assert found.denominator == mean_interval(whole, "logits", independent(32))
    assert found.of == "it"


# --- the cache


def test_a_cached_interval_is_the_computed_one(monkeypatch):
    rng = np.random.default_rng(0)
    values, cache = rng.normal(size=32), IntervalCache()
    first = mean_interval(values, "logits", independent(32), cache=cache)
    of_nouns = mean_interval(values, "logits", nouns(32, 8), cache=cache)
    assert first != of_nouns
    assert len(cache.ends) == 2
    monkeypatch.setattr("mi_checks.stats.intervals.mean_ends", None)  # calling it would raise
    assert mean_interval(values, "logits", independent(32), cache=cache) == first
    assert mean_interval(values, "logits", nouns(32, 8), cache=IntervalCache(cache.ends)) == of_nouns


def test_an_interval_is_cached_alone_whatever_it_was_computed_with():
    rng = np.random.default_rng(0)
    whole, cache = rng.normal(4, 1, 32), IntervalCache()
    parts = 0.3 * whole + rng.normal(size=(5, 32))
    every = ratio_intervals(parts, whole, independent(32), cache=cache)
    number = len(cache.ends)
    assert number == 5 + 1  # and the whole
    assert ratio_intervals(parts[[3, 1, 3]], whole, independent(32), cache=cache) == [every[3], every[1], every[3]]
    assert ratio_intervals(parts[:0], whole, independent(32), cache=cache) == []
    assert len(cache.ends) == number
    more = ratio_intervals(np.concatenate([parts, -parts[:1]]), whole, independent(32), cache=cache)
    assert more[:5] == every
    assert len(cache.ends) == number + 1


def test_a_full_cache_starts_anew(monkeypatch):
    monkeypatch.setattr("mi_checks.stats.interval_cache.MAX_CACHED_INTERVALS", 4)
    rng = np.random.default_rng(0)
    whole, cache = rng.normal(4, 1, 32), IntervalCache()
    parts = 0.3 * whole + rng.normal(size=(3, 32))
    for rows in (parts, parts[:2], -parts):
        assert len(ratio_intervals(rows, whole, independent(32), cache=cache)) == len(rows)
        assert len(cache.ends) <= 4


def test_limits_are_part_of_what_is_cached():
    values, cache = np.random.default_rng(0).beta(5, 1, 32), IntervalCache()
    plain = mean_interval(values, "", independent(32), cache=cache)
    limited = mean_interval(values, "", independent(32), limits=PROBABILITY, cache=cache)
    wider = mean_interval(values, "", independent(32), limits=(-1.0, 1.0), cache=cache)
    assert plain.low != limited.low != wider.low < limited.low


# --- how often they hold

DRAWS = 600
ALLOWED = 3 * math.sqrt(0.025 * 0.975 / DRAWS)  # three standard errors of the binomial
SHAPES = {
    "normal": lambda rng, size: rng.normal(size=size),
    "exponential": lambda rng, size: rng.exponential(size=size) - 1,
    "lognormal": lambda rng, size: rng.lognormal(size=size) - math.exp(0.5),
    "t, 3 degrees": lambda rng, size: rng.standard_t(3, size),
}


def error_rates(values, design, least=None):
    """How often the interval lies above the true mean of zero, and below it."""
    return [
        float((mean_p_values(sign * values, design, least=None if least is None else limit) < 0.025).mean())
        for sign, limit in ((1.0, least and least[0]), (-1.0, least and -least[1]))
    ]


def percentile_errors(values, seed=0):
    """The same of the percentile bootstrap, which is not shipped."""
    weights = np.random.default_rng(seed).multinomial(values.shape[1], [1 / values.shape[1]] * values.shape[1], 400)
    low, high = np.quantile(values @ weights.T / values.shape[1], [0.025, 0.975], axis=1)
    return [float((low > 0).mean()), float((high < 0).mean())]


@pytest.mark.parametrize(("n", "nominal"), [(16, 0.05), (64, 0.03)])
@pytest.mark.parametrize("shape", SHAPES)
def test_one_sided_errors_of_means_are_as_promised(shape, n, nominal):
    values = SHAPES[shape](np.random.default_rng(n), (DRAWS, n))
    assert max(error_rates(values, independent(n))) <= nominal + ALLOWED


@pytest.mark.parametrize("shape", ["exponential", "lognormal"])
def test_the_percentile_bootstrap_would_not_pass(shape):
    values = SHAPES[shape](np.random.default_rng(16), (DRAWS, 16))
    assert max(percentile_errors(values)) > 0.05 + ALLOWED


@pytest.mark.parametrize("n", [8, 16, 64])
def test_one_sided_errors_of_attention_near_one_are_as_promised(n):
    truth = 5 / 5.25
    values = np.random.default_rng(n).beta(5, 0.25, (DRAWS, n)) - truth
    assert max(error_rates(values, independent(n), (-truth, 1 - truth))) <= 0.025 + ALLOWED
    assert max(percentile_errors(values)) > 0.05 + ALLOWED or n == 64


@pytest.mark.parametrize("sizes", [(16,), (80,), (16, 24), (30, 40, 50, 60)])
@pytest.mark.parametrize("shape", ["normal", "lognormal"])
def test_one_sided_errors_over_rows_are_as_promised(sizes, shape):
    rng = np.random.default_rng(sizes[0])
    errors = []
    for _ in range(6):
        rows = [np.concatenate([rng.permutation(size) for _ in range(-(-96 // size))])[:96] for size in sizes]
        design = SamplingDesign(96, tuple(factor(str(k), each, sampled=True) for k, each in enumerate(rows)))
        values = math.sqrt(0.7) * SHAPES[shape](rng, (DRAWS // 6, 96))
        for each, size in zip(rows, sizes, strict=True):
            values += math.sqrt(0.3 / len(sizes)) * SHAPES[shape](rng, (DRAWS // 6, size))[:, each]
        errors.append(error_rates(values, design))
    assert np.mean(errors, axis=0).max() <= 0.03 + ALLOWED


def test_prompts_as_the_unit_would_not_pass_where_they_share_rows():
    rng = np.random.default_rng(0)
    rows = np.arange(96) % 16
    values = 0.7 * rng.normal(size=(DRAWS, 96)) + 0.7 * rng.normal(size=(DRAWS, 16))[:, rows]
    assert max(error_rates(values, independent(96))) > 0.1
    assert max(error_rates(values, nouns(96, 16))) <= 0.03 + ALLOWED


@pytest.mark.parametrize(("n", "rows"), [(16, 3), (16, 5), (64, 12), (64, 32)])
def test_strata_do_not_hide_how_skewed_values_are(n, rows):
    """Deviations from the means of strata of two are symmetric, whatever the values are."""
    kinds = SamplingDesign(n, (factor("kind", np.arange(n) % rows, sampled=False),))
    values = SHAPES["lognormal"](np.random.default_rng(n), (DRAWS, n))
    assert max(error_rates(values, kinds)) <= (0.05 if n == 16 else 0.03) + ALLOWED
