"""Simulated samples have the truth that they say, and errors are counted where intervals are too narrow."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats

from mi_checks.compare.paired_change import Measurement, change_between
from mi_checks.stats.estimate import PROPORTION, Estimate
from mi_checks.stats.mean_tests import mean_p_values
from mi_checks.stats.sampling import independent
from mi_checks.studies.calibration.simulation import (
    all_tables,
    cells,
    changes,
    curves,
    distributions,
    means,
    model_values,
    ratios,
    shared_rows,
)
from mi_checks.studies.calibration.simulation.cells import Cell, Sample, Situation, measure, promised_error

DRAWS = 300


def rng():
    return np.random.default_rng(0)


# --- distributions


@pytest.mark.parametrize("name", [*distributions.STANDARD, "lognormal, σ = 1.5", "98 % normal, 2 % at 20 SD"])
def test_shapes_have_mean_zero_and_variance_one(name):
    draw = {**distributions.STANDARD, **distributions.HEAVIER}[name]
    values = draw(rng(), (1, 1_000_000))
    assert values.mean() == pytest.approx(0, abs=0.02)
    if name not in (
        "t, 3 degrees",
        "lognormal, σ = 1.5",
    ):  # their fourth moments are too large to estimate the variance
        assert values.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("each", distributions.LIMITED, ids=lambda each: each.name)
def test_limited_shapes_have_their_mean_and_keep_their_limits(each):
    values = each.draw(rng(), (1, 400_000))
    assert values.mean() == pytest.approx(each.truth, abs=0.005)
    assert values.min() >= each.limits[0]
    assert values.max() <= each.limits[1]


def test_ninety_five_percent_are_alike():
    values = distributions.STANDARD[distributions.ALIKE](rng(), (1, 10_000))[0]
    assert (values == np.median(values)).mean() == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
def test_rows_have_the_correlation(correlation):
    rows = shared_rows.rows_in_rounds(rng(), 64, 32)
    values = shared_rows.clustered_values("normal", rng(), [rows], correlation, (4000, 64))
    pairs = [np.flatnonzero(rows == row) for row in range(32)]
    found = np.mean([np.mean(values[:, one] * values[:, other]) for one, other in pairs])
    assert found == pytest.approx(correlation, abs=0.02)
    assert values.var() == pytest.approx(1, abs=0.03)


def test_rows_are_drawn_in_rounds():
    rows = shared_rows.rows_in_rounds(rng(), 50, 16)
    assert sorted(rows[:16].tolist()) == list(range(16))
    assert set(np.bincount(rows)) == {3, 4}


ALL = [
    *means.mean_situations(),
    *means.limited_situations(),
    *ratios.ratio_situations(),
    *shared_rows.sampled_situations()[::5],
    *shared_rows.fixed_situations(),
    *shared_rows.limited_row_situations()[::3],
]


@pytest.mark.parametrize("situation", ALL, ids=lambda each: f"{each.values}, {each.sample}")
def test_the_truth_of_a_sample_is_zero(situation):
    drawn = [situation.draw(np.random.default_rng(seed), 40) for seed in range(10)]
    every = np.array([sample.values.mean(1) for sample in drawn]).ravel()
    assert abs(every.mean()) < 4.5 * every.std(ddof=1) / math.sqrt(len(every)) + 1e-9
    for sample in drawn:
        assert sample.values.shape == (40, situation.n)
        assert sample.refused.shape == (40,)
        assert sample.design.n == situation.n
        assert sample.design.clusters == situation.clusters
        if sample.limits is not None:
            assert sample.limits[0] - 1e-9 <= sample.values.min()
            assert sample.values.max() <= sample.limits[1] + 1e-9


# --- cells


def normal(n, rng_of_cell, draws, scale=1.0):
    values = scale * rng_of_cell.normal(size=(draws, n))
    return Sample(values, independent(n), np.zeros(draws, dtype=bool), None, scale)


def test_normal_values_err_on_neither_side_too_often():
    cell = measure(Situation("normal", "64 prompts", 64, partial(normal, 64)), DRAWS, 0)
    assert cell.draws == DRAWS
    assert not cell.exceeds_promise
    assert cell.refused == 0
    assert 1 < cell.width < 1.5
    assert cell.power > 0.95
    assert 0 <= cell.former < 0.08


def test_a_truth_that_is_wrong_is_an_error():
    def moved(rng_of_cell, draws):
        sample = normal(64, rng_of_cell, draws)
        return replace(sample, values=sample.values + 0.3)

    cell = measure(Situation("moved", "64 prompts", 64, moved), DRAWS, 0)
    assert cell.above > DRAWS / 3
    assert cell.below == 0
    assert cell.exceeds_promise


def test_refused_draws_are_no_errors():
    def all_refused(rng_of_cell, draws):
        sample = normal(64, rng_of_cell, draws)
        return replace(sample, values=sample.values + 3, refused=np.ones(draws, dtype=bool))

    cell = measure(Situation("refused", "64 prompts", 64, all_refused), DRAWS, 0)
    assert (cell.refused, cell.above, cell.below, cell.power, cell.width) == (DRAWS, 0, 0, 0, None)


def test_the_faster_test_is_the_test():
    """Only what Student's t rejects is tested further; nothing else could be rejected."""
    values = rng().exponential(size=(200, 16)) - 0.7
    for level in (0.025, 0.025 / 6):
        exact = mean_p_values(values, independent(16), level) < level
        np.testing.assert_array_equal(cells._rejects(values, independent(16), level, None), exact)
        assert exact.any()


def test_any_test_of_a_family_is_an_error():
    def one_wrong(rng_of_cell, draws):
        values = rng_of_cell.normal(size=(draws * 6, 64))
        values[::6] += 2
        return Sample(values, independent(64), np.zeros(draws, dtype=bool))

    cell = measure(Situation("family", "64 prompts", 64, one_wrong, None, 6), 100, 0)
    assert cell.above == 100
    assert cell.width is cell.power is cell.former is None


@pytest.mark.parametrize(
    ("n", "clusters", "promised"),
    [(64, None, 0.03), (256, 16, 0.03), (256, 15, 0.05), (16, None, 0.05), (63, None, 0.05)],
)
def test_more_is_promised_of_more(n, clusters, promised):
    assert promised_error(n, clusters) == promised


@pytest.mark.parametrize(("hits", "exceeds"), [(60, False), (75, False), (76, True)])
def test_a_cell_is_marked_beyond_two_standard_errors(hits, exceeds):
    """3 % of 2,000 draws and 2 · √(0.03 · 0.97 / 2,000): 3.76 %."""
    cell = Cell("", "", 2000, 0, 3, hits, 0.03)
    assert cell.error == hits / 2000
    assert cell.exceeds_promise == exceeds
    assert not replace(cell, promised=None).exceeds_promise


def test_the_same_seed_gives_the_same_cell_whatever_else_is_measured():
    one, other = (Situation("normal", f"{n} prompts", n, partial(normal, n)) for n in (16, 64))
    measure(other, 100, 0)
    assert measure(one, 100, 3) == measure(one, 100, 3)
    assert measure(one, 100, 3) != measure(one, 100, 4)


def test_bounds_beyond_the_limits_have_no_power():
    situation = next(each for each in means.limited_situations((64,)) if "near one" in each.values)
    sample = situation.draw(rng(), 100)
    above, below = cells._shifted_rejections(sample)
    assert above > 50
    assert math.isnan(below)


def test_the_percentile_bootstrap_is_scipys():
    values = rng().exponential(size=(1, 40))
    low, high = cells.percentile_ends(values)
    known = stats.bootstrap((values[0],), np.mean, method="percentile", n_resamples=9999, rng=rng()).confidence_interval
    assert (low[0], high[0]) == pytest.approx((known.low, known.high), abs=0.03)


def test_it_errs_where_values_are_skewed_and_the_shipped_test_does_not():
    situation = next(each for each in means.mean_situations((16,)) if each.values == "lognormal")
    cell = measure(situation, DRAWS, 0)
    assert cell.former > 0.08
    assert not cell.exceeds_promise


# --- refusals and promises of the tables


def test_values_that_are_alike_are_refused_unless_enough_differ_or_64_are_identical():
    by_n = {each.n: each.draw(rng(), 200) for each in means.mean_situations() if each.values == distributions.ALIKE}
    identical = {n: np.ptp(sample.values, axis=1) == 0 for n, sample in by_n.items()}
    assert by_n[16].refused[~identical[16]].mean() > 0.9
    assert by_n[16].refused[identical[16]].all()
    assert identical[64].any()
    assert not by_n[64].refused[identical[64]].any()
    assert by_n[256].refused.mean() < 0.05


def test_identical_values_are_judged_by_their_own_rule():
    """64 ones: up to 5.6 % of prompts may be zero, and 5 % are."""
    values = np.zeros((1, 64))
    held = Sample(values + 0.05, independent(64), np.zeros(1, dtype=bool), truth=0.95)
    assert [each.tolist() for each in cells._rejections(held, 1)] == [[False], [False]]
    missed = Sample(values + 0.3, independent(64), np.zeros(1, dtype=bool), truth=0.7)
    assert [each.tolist() for each in cells._rejections(missed, 1)] == [[True], [False]]
    assert cells._shifted_rejections(replace(missed, spread=0.1)).tolist() == [1, 0]


def test_a_sample_of_zeros_is_not_refused_and_misses_effects_that_are_rare():
    """Of 16 prompts, 0.95^16 = 44 % of samples have none of the 5 % with an effect."""
    situation = next(each for each in means.heavier_situations((16,)) if each.values.startswith("exactly zero"))
    cell = measure(situation, DRAWS, 0)
    assert max(cell.above, cell.below) / DRAWS == pytest.approx(0.95**16, abs=4 * (0.44 * 0.56 / DRAWS) ** 0.5)


def test_large_families_are_refused_with_few_prompts():
    refused = {
        (each.tests, each.n): bool(each.draw(rng(), 5).refused.all())
        for each in ratios.family_situations((16, 64))
        if each.values.startswith("normal")
    }
    assert refused == {(6, 16): False, (6, 64): False, (96, 16): True, (96, 64): False}


def test_a_noisy_whole_is_refused_as_often_as_it_is_not_above_zero():
    situation = next(each for each in ratios.ratio_situations((16,)) if "normal; SD of the whole 2" in each.values)
    assert 0.3 < situation.draw(rng(), 300).refused.mean() < 0.9


# --- changes, curves and brackets


@pytest.mark.parametrize("unit", ["logits", PROPORTION])
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.3])
def test_a_change_is_judged_as_the_comparison_judges_it(unit, margin):
    for seed in range(20):
        drawn = np.random.default_rng(seed).normal(0.4, 1, 64)
        differences = np.clip(np.round(drawn), -1, 1) if unit == PROPORTION else drawn
        before, after = (
            Measurement(Estimate(mean, mean, mean, 64, unit, ""), tuple(values.tolist()))
            for values in (np.zeros(64), differences)
            for mean in (float(values.mean()),)
        )
        change = change_between(before, after, margin, independent(64))
        assert change.evidence == "paired"
        limits = (-1.0, 1.0) if unit == PROPORTION else None
        expected = change.is_significant and differences.mean() > 0
        assert changes.is_larger_rise(differences, margin, limits) == expected


@pytest.mark.parametrize("situation", changes.change_situations()[::4], ids=lambda each: f"{each.values}, {each.n}")
def test_changes_by_the_margin_are_judged_rightly(situation):
    cell = changes.measure_change(situation, 60, 0)
    assert not cell.exceeds_promise
    assert cell.draws == 60


def test_a_change_beyond_the_margin_would_be_counted(monkeypatch):
    monkeypatch.setattr(changes, "MARGIN", 0.0)
    monkeypatch.setitem(distributions.STANDARD, "normal", lambda generator, size: generator.normal(1, 1, size))
    above, below = changes._changes("normal", 64, rng(), 20)
    assert (above, below) == (20, 0)


@pytest.mark.parametrize(
    "situation", [*curves.absolute_situations()[::9], *curves.bracket_situations()[::7]], ids=lambda each: each.values
)
def test_curves_err_on_neither_side_too_often(situation):
    cell = curves.measure_curve(situation, 40, 0)
    assert not cell.exceeds_promise
    assert cell.draws == 40


@pytest.mark.parametrize("event", ["appears", "disappears"])
def test_without_noise_a_bracket_holds_its_event(event, monkeypatch):
    sorted_means = (0.0, 0.1, 0.3, 0.5, 1.0, 0.8)
    monkeypatch.setattr(curves, "LARGEST_EFFECT", 100.0)
    assert curves._bracket_errors(event, sorted_means, "normal", 64, rng()) == (False, False)


# --- models


def test_values_of_models_are_populations():
    task = model_values.TASKS["induction"]
    found = list(model_values.populations("induction", task, "nano-attn-2l", 0, 24))
    assert [each.name.partition(",")[0].partition(":")[0] for each in found] == [
        "logit difference",
        *["fraction recovered", "attention", "direct logit attribution"] * 2,
    ]
    assert {len(each.values) for each in found} == {24}
    strongest, middle = (each for each in found if "attention, " in each.name)
    assert strongest.values.mean() > 0.3 > middle.values.mean()
    for population in found:
        sample = model_values._resampled(population, 16, rng(), 500)
        every = sample.values.mean(1)
        assert abs(every.mean()) < 5 * every.std() / math.sqrt(500) + 1e-9
    fraction = next(each for each in found if each.whole is not None)
    assert model_values._resampled(fraction, 16, rng(), 50).refused.mean() < 0.1


def test_every_table_has_cells_and_nothing_is_promised_of_the_last(monkeypatch):
    monkeypatch.setattr(all_tables.model_values, "model_situations", lambda _seed: means.mean_situations((16,))[:1])
    plans = all_tables._plans(4, 0)
    assert len({plan.title for plan in plans}) == len(plans) == 12
    cells_of = [plan.cells[0]() for plan in plans]
    assert [cell.promised is None for cell in cells_of] == [False] * 11 + [True]
    assert {cell.draws for cell in cells_of} == {4, 2}
