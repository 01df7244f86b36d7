"""Completeness and the area between curves: simulated truths, known values, and both sides of the interval."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.prompts.factors import factor
from mi_checks.spec.check import Bound
from mi_checks.stats.absolute_means import AbsoluteMeans
from mi_checks.stats.floor import RoundingFloor
from mi_checks.stats.intervals import NoEffectSize
from mi_checks.stats.sampling import SamplingDesign, independent

DRAWS = 120
seeds = st.integers(0, 10_000)


def drawn(seed, truths, n=64, design=None):
    """Differences that are fractions of the whole on average, with normal noise, over the prompts of a design."""
    rng = np.random.default_rng(seed)
    design = independent(n) if design is None else design
    noise = rng.normal(size=(len(truths) + 1, design.n))
    for each in design.factors:
        noise = noise + rng.normal(size=(len(truths) + 1, each.size))[:, np.array(each.rows)]
    whole = 4 + noise[0]
    return AbsoluteMeans(np.asarray(truths)[:, None] * whole + noise[1:], whole, design, "the whole")


def clustered(*sizes):
    rng = np.random.default_rng(0)
    rows = [np.concatenate([rng.permutation(size) for _ in range(-(-96 // size))])[:96] for size in sizes]
    return SamplingDesign(96, tuple(factor(str(k), each, sampled=True) for k, each in enumerate(rows)))


DESIGNS = [independent(64), clustered(16), clustered(16, 16)]
TRUTHS = {
    "all zero": np.zeros(12),
    "half zero": np.r_[np.zeros(6), np.full(3, 0.4), np.full(3, -0.4)],
    "far from zero": np.r_[np.full(6, 0.8), np.full(6, -0.8)],
    "one": np.array([-0.5]),
}


@pytest.mark.parametrize("design", DESIGNS, ids=["independent", "one factor", "two factors"])
@pytest.mark.parametrize("truths", TRUTHS.values(), ids=TRUTHS)
def test_neither_side_errs_too_often(design, truths):
    """Nominal 2.5 % a side; of 120 draws, three standard errors of the binomial are 4.3 % more."""
    truth = np.abs(truths).mean()
    found = [drawn(seed, truths, design=design) for seed in range(DRAWS)]
    allowed = 0.025 + 3 * math.sqrt(0.025 * 0.975 / DRAWS)
    for bound in (Bound(at_least=truth), Bound(at_most=truth)):
        assert np.mean([each.p_value(bound) < 0.025 for each in found]) <= allowed


def test_the_mean_of_absolute_means_itself_errs_where_differences_are_zero():
    """Jensen's inequality: why the lower end does not rest on all observed signs."""
    found = [drawn(seed, TRUTHS["all zero"]) for seed in range(20)]
    plugged = [np.abs(each._plugged.mean() / each._whole.mean()) for each in found]
    assert min(plugged) > 0.01
    assert np.mean([each.value for each in found]) < np.mean(plugged) / 2
    assert all(each.estimate.low == 0 for each in found)


@given(seeds, st.sampled_from(list(TRUTHS.values())), st.sampled_from(DESIGNS))
@settings(max_examples=25, deadline=None)
def test_interval_and_p_value_agree(seed, truths, design):
    found = drawn(seed, truths, design=design)
    estimate = found.estimate
    assert 0 <= estimate.low <= estimate.value <= estimate.high
    assert estimate.clusters == design.clusters
    if 0.01 < estimate.low < estimate.value:
        assert found.p_value(Bound(at_least=estimate.low)) == pytest.approx(0.025, rel=0.01)
    if estimate.high > estimate.value:
        assert found.p_value(Bound(at_most=estimate.high)) == pytest.approx(0.025, rel=0.01)
    assert found.p_value(Bound(at_least=estimate.high + 0.01)) > 0.5
    within = Bound(at_least=estimate.low - 0.5, at_most=estimate.high + 0.5)
    assert found.p_value(within) < 0.025


def test_differences_of_both_signs_do_not_cancel():
    found = drawn(0, [0.5, -0.5])
    assert found.value == pytest.approx(0.5, abs=0.05)
    assert found.estimate.low > 0.4


def test_the_largest_difference_is_named():
    assert drawn(0, [0.1, -0.9, 0.3]).largest == 1


def test_weights_are_of_differences():
    rng = np.random.default_rng(0)
    whole = 4 + rng.normal(size=64)
    differences = np.array([[0.2], [-0.6]]) * whole + 0.1 * rng.normal(size=(2, 64))
    found = AbsoluteMeans(differences, whole, independent(64), "it", weights=np.array([0.5, 0.25]))
    assert found.value == pytest.approx(0.5 * 0.2 + 0.25 * 0.6, abs=0.01)
    assert found.parts("logits").numerator.value == pytest.approx(found.value * whole.mean())
    assert found.parts("logits").of == "it"
    same = AbsoluteMeans(differences, whole, independent(64), "it", weights=np.array([0.5, 0.5]))
    assert same.estimate == AbsoluteMeans(differences, whole, independent(64), "it").estimate


@given(seeds, st.floats(0.01, 100))
@settings(max_examples=20, deadline=None)
def test_a_fraction_does_not_depend_on_the_unit_and_its_parts_do(seed, scale):
    rng = np.random.default_rng(seed)
    whole, differences = 4 + rng.normal(size=64), rng.normal(1, 1, (3, 64))
    one = AbsoluteMeans(differences, whole, independent(64), "it")
    other = AbsoluteMeans(scale * differences, scale * whole, independent(64), "it")
    assert (one.estimate.low, one.value, one.estimate.high) == pytest.approx(
        (other.estimate.low, other.value, other.estimate.high), rel=1e-3
    )
    mine, theirs = one.parts("logits").numerator, other.parts("logits").numerator
    assert (scale * mine.low, scale * mine.high) == pytest.approx((theirs.low, theirs.high), rel=1e-3)


def test_differences_within_rounding_are_zero_and_the_interval_is_what_rounding_hides():
    rng = np.random.default_rng(0)
    whole, floor = 4 + rng.normal(size=64), RoundingFloor(np.full(64, 1e-4))
    found = AbsoluteMeans(1e-5 * rng.normal(size=(3, 64)), whole, independent(64), "it", floor=floor)
    assert (found.value, found.estimate.low) == (0, 0)
    assert found.estimate.high == pytest.approx(1e-4 / whole.mean())


def test_a_rare_difference_has_no_interval():
    """Two prompts of 64 differ: a sample that lacks such prompts would say the opposite."""
    rng = np.random.default_rng(0)
    differences = np.zeros((3, 64))
    differences[:, :2] = 3.0
    whole = 4 + rng.normal(size=64)
    estimate = AbsoluteMeans(differences, whole, independent(64), "it").estimate
    assert estimate.low < 0.02 or estimate.refusal is not None


def test_there_is_no_fraction_of_no_effect():
    rng = np.random.default_rng(0)
    with pytest.raises(NoEffectSize, match="it is"):
        AbsoluteMeans(rng.normal(size=(3, 64)), rng.normal(size=64), independent(64), "it")
    with pytest.raises(NoEffectSize, match="no interval can be given"):
        AbsoluteMeans(rng.normal(size=(3, 7)), 4 + rng.normal(size=7), independent(7), "it")
