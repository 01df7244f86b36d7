import pytest
from scipy import stats

from mi_checks.studies.calibration.false_positive_rates import DEVIATION_ALPHA, Rate, rate_of


def test_a_rate_is_counted():
    rate = rate_of([True, False, False, True], 0.5)
    assert (rate.hits, rate.runs, rate.fraction) == (2, 4, 0.5)


def test_its_interval_is_that_of_clopper_and_pearson():
    low, high = Rate(5, 200, 0.025).interval
    assert stats.binom.sf(4, 200, low) == pytest.approx(0.025)
    assert stats.binom.cdf(5, 200, high) == pytest.approx(0.025)


@pytest.mark.parametrize(
    ("hits", "beside"), [(0, "within"), (5, "within"), (13, "within"), (14, "above"), (200, "above")]
)
def test_a_rate_is_above_where_chance_would_not_bring_it(hits, beside):
    assert Rate(hits, 200, 0.025).comparison == beside


@pytest.mark.parametrize(("hits", "beside"), [(178, "below"), (179, "within"), (190, "within"), (198, "within")])
def test_or_below(hits, beside):
    assert Rate(hits, 200, 0.95).comparison == beside


def test_a_nominal_rate_is_hardly_ever_called_anything_else():
    outside = sum(
        stats.binom.pmf(hits, 400, 0.025) for hits in range(401) if Rate(hits, 400, 0.025).comparison != "within"
    )
    assert 0 < outside < 2 * DEVIATION_ALPHA


def test_no_run_says_nothing():
    rate = rate_of([], 0.025)
    assert (rate.fraction, rate.interval, rate.comparison) == (0.0, (0.0, 1.0), "within")
