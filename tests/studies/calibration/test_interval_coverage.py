"""Intervals hold the truth as often as they say, where they do; and where they do not, that is found."""

import numpy as np
import pytest

from mi_checks.stats.intervals import mean_interval
from mi_checks.studies.calibration import interval_coverage
from mi_checks.studies.calibration.effect_distributions import (
    FRACTION_DISTRIBUTIONS,
    MEAN_FRACTION_DISTRIBUTIONS,
    VALUE_DISTRIBUTIONS,
)
from mi_checks.studies.calibration.interval_coverage import (
    NOISES,
    CoverageCase,
    all_coverage,
    family_rejects,
    fraction_cases,
    mean_cases,
    measure_coverage,
    measure_rejections,
    proportion_cases,
)

DRAWS = 400
NORMAL = VALUE_DISTRIBUTIONS[0]


@pytest.mark.parametrize(
    "shape", [*VALUE_DISTRIBUTIONS, *FRACTION_DISTRIBUTIONS, *MEAN_FRACTION_DISTRIBUTIONS], ids=lambda shape: shape.name
)
def test_the_truth_is_the_truth(shape):
    drawn = shape.draw(np.random.default_rng(0), 400_000)
    if isinstance(drawn, tuple):
        parts, whole = drawn
        assert np.abs(parts.mean(1) / whole.mean()).mean() == pytest.approx(shape.truth, abs=0.01)
    else:
        assert drawn.mean() == pytest.approx(shape.truth, abs=0.02)


@pytest.mark.parametrize("n", [64, 256])
@pytest.mark.parametrize(
    "cell", [*mean_cases([NORMAL]), fraction_cases()[0], proportion_cases()[0]], ids=lambda cell: cell.interval
)
def test_intervals_of_good_data_hold_it_as_often_as_nominal(cell, n):
    found = measure_coverage(cell, n, DRAWS, seed=2)
    assert (found.covered.comparison, found.above.comparison, found.below.comparison) == ("within",) * 3
    assert found.covered.runs == DRAWS


def test_too_narrow_an_interval_is_caught():
    def ends(rng, n):
        found = mean_interval(NORMAL.draw(rng, n), "logits")
        return (found.low + found.value) / 2, (found.high + found.value) / 2

    found = measure_coverage(CoverageCase("narrow", NORMAL.name, NORMAL.truth, ends), 64, DRAWS, seed=2)
    assert (found.covered.comparison, found.above.comparison, found.below.comparison) == ("below", "above", "above")


def test_few_skewed_prompts_are_found_to_cost_coverage():
    """The percentile interval lags the skew; the studentized one loses less, on the same values."""
    by_name = {cell.interval: measure_coverage(cell, 16, DRAWS, 0) for cell in mean_cases([VALUE_DISTRIBUTIONS[2]])}
    percentile, studentized = by_name["mean: bootstrap"], by_name["mean: bootstrap-t"]
    assert percentile.covered.comparison == "below"
    assert percentile.below.comparison == "above"
    assert percentile.covered.hits < studentized.covered.hits


def test_draws_without_an_effect_size_are_counted_and_make_no_interval():
    found = measure_coverage(fraction_cases()[1], 16, DRAWS, 0)
    assert 0.3 * DRAWS < found.refused < 0.6 * DRAWS
    assert found.covered.runs == DRAWS - found.refused


def test_every_interval_is_covered_at_every_size():
    found = all_coverage(3, 0, sizes=(16, 20))
    assert {each.interval.partition(":")[0] for each in found} == {"mean", "fraction", "mean |fraction|", "proportion"}
    assert {each.n for each in found} == {16, 20}
    assert {each.interval for each in found if not each.shipped} == {
        "mean: Student's t", "mean: bootstrap-t", "mean: BCa",
    }  # fmt: skip


def test_values_that_are_all_alike_have_no_width_in_any_way():
    for make in (
        interval_coverage.student_interval,
        interval_coverage.bootstrap_t_interval,
        interval_coverage.bca_interval,
    ):
        assert make(np.full(16, 2.5)) == pytest.approx((2.5, 2.5))


def test_alternatives_are_the_textbook_ones():
    """BCa as scipy makes it, from other resamples; t in closed form."""
    from scipy import stats

    values = np.random.default_rng(1).exponential(1, 60)
    known = stats.bootstrap((values,), np.mean, method="BCa", n_resamples=20_000, rng=np.random.default_rng(0))
    assert interval_coverage.bca_interval(values) == pytest.approx(tuple(known.confidence_interval), abs=0.03)
    assert interval_coverage.student_interval(values) == pytest.approx(
        stats.t.interval(0.95, 59, values.mean(), stats.sem(values))
    )
    low, high = interval_coverage.bootstrap_t_interval(values)
    assert high - values.mean() > values.mean() - low  # it reaches further where the tail is


def test_tests_keep_their_rate_on_normal_values():
    found = [each for each in measure_rejections(DRAWS, 0, sizes=(64,)) if each.values == "normal"]
    assert [(each.test.split(",")[0], each.rejected.nominal) for each in found] == [
        ("any of 12 fractions above", pytest.approx(0.025)), ("paired t-test", pytest.approx(0.05)),
    ]  # fmt: skip
    assert {each.rejected.comparison for each in found} == {"within"}


def test_skew_towards_the_bound_is_found_to_cost_a_family_its_rate():
    rng = np.random.default_rng(0)
    wrong = sum(family_rejects(rng, 16, NOISES["skewed downwards: exponential"]) for _ in range(DRAWS))
    assert wrong > 0.1 * DRAWS
