"""The checkpoints between which an effect rises and falls, and the verdict on a curve."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.prompts.factors import Factor
from mi_checks.stats.mean_tests import mean_p_value
from mi_checks.stats.p_values import holm
from mi_checks.stats.sampling import SamplingDesign, independent
from mi_checks.studies.emergence.appearance import (
    Bracket,
    EffectCurve,
    fall_bracket,
    joint_tests,
    judge_appearances,
    method_text,
    rise_bracket,
)
from tests.effects import around, effect
from tests.studies.emergence.curves import appearance, curve, values


def test_a_phase_change():
    found = appearance([-0.04, 0.04, 5.0, 5.6, 6.3])
    assert (found.kind, found.appears, found.disappears) == ("appears", Bracket(1, 2), None)


def test_what_grows_but_was_half_there_was_there_from_the_start():
    found = appearance([5.7, 5.7, 6.9, 8.3, 7.5])
    assert (found.kind, found.appears, found.disappears) == ("from the start", Bracket(None, 0), None)


def test_a_reversed_preference_is_not_half_of_the_way():
    """From −8 to 1 half of the way is −3.5, at which the model still prefers the foil."""
    assert appearance([-8.0, -3.0, -0.5, 2.0, 2.0]).appears == Bracket(2, 3)


def test_what_appears_may_go_again():
    found = appearance([0.0, -0.3, 0.0, 3.0, 0.2])
    assert (found.kind, found.appears, found.disappears) == ("appears", Bracket(2, 3), Bracket(3, 4))


def test_what_was_there_may_go():
    found = appearance([6.0, 4.0, 1.0, 0.8, 0.7])
    assert (found.kind, found.disappears) == ("from the start", Bracket(1, 2))


def test_what_only_weakens_does_not_go():
    assert appearance([0.0, 4.0, 5.0, 4.0, 3.5]).disappears is None


def test_a_flat_curve_at_zero_does_not_appear():
    found = appearance([0.01, -0.02, 0.0, 0.01, 0.02])
    assert (found.kind, found.appears, found.reason) == (
        "does not appear", None, "not significantly above zero at any checkpoint",
    )  # fmt: skip


def test_a_sure_effect_that_stays_short_of_its_bounds_does_not_appear():
    found = appearance([0.0, 0.3, 0.4, 0.5, 0.5], at_least=1.0)
    assert found.tests.zero[-1] < 0.001
    assert (found.kind, found.reason) == ("does not appear", "significantly outside its bounds at every checkpoint")


def test_few_prompts_and_much_noise_tell_nothing():
    rows = values([0.0, 0.5, 0.8], n=4, noise=6, seed=2)
    ((found,), _) = judge_appearances([EffectCurve("b", tuple(effect("nano-attn-2l", row) for row in rows))])
    assert found.kind == "inconclusive"


def test_what_cannot_be_told_from_the_first_checkpoint_has_not_surely_appeared():
    rows = [around(mean, spread=2, seed=seed, n=24) for seed, mean in enumerate((1.2, 1.3, 2.2))]
    ((found,), _) = judge_appearances(
        [EffectCurve("b", tuple(effect("nano-attn-2l", r, ability="in part") for r in rows))]
    )
    assert (found.kind, found.reason) == ("inconclusive", "no significant change since the first checkpoint")


def test_nothing_appears_in_many_flat_curves():
    """Holm: of a hundred families of pure noise, hardly one has anything in it."""
    families = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        noise = [
            EffectCurve(
                f"b{i}", tuple(effect("nano-attn-2l", row, ability="in part") for row in rng.normal(size=(5, 24)))
            )
            for i in range(4)
        ]
        families += any(each.kind in ("appears", "from the start") for each in judge_appearances(noise)[0])
    assert families <= 10  # 5 expected at most; 10 and fewer with 98.9 %


def test_all_tests_are_corrected_together():
    curves = [curve([0.1, 0.2, 0.3], "a"), curve([0.0, 0.1, 0.05], "b")]
    tests, made = joint_tests(curves)
    raw = []
    for each in curves:
        rows = each.values
        changes = (rows[1] - rows[0], rows[2] - rows[0], rows[1] - rows[2])
        raw += [mean_p_value(row, independent(64)) for row in (*rows, *changes)]
    assert made == len(raw) == 12
    expected = holm(np.array(raw))
    assert [*tests[0].zero, *tests[0].first[1:], tests[0].last[1]] == pytest.approx(expected[:6].tolist())
    assert tests[0].first[0] == tests[0].last[2] == 1.0
    assert tests[0].last[0] == tests[0].first[2]  # the one test of the first against the last
    assert "Holm-corrected over the 12 tests made here" in method_text(made)


def rise(values):
    return rise_bracket(values, independent(values.shape[1]))


def fall(values):
    return fall_bracket(values, independent(values.shape[1]))


def holds(bracket, place):
    return bracket is not None and (-1 if bracket.after is None else bracket.after) < place <= bracket.by


@given(st.integers(2, 8), st.data())
def test_a_clear_jump_is_told_to_its_two_checkpoints(checkpoints, data):
    place = data.draw(st.integers(1, checkpoints - 1))
    seed = data.draw(st.integers(0, 100))
    means = np.where(np.arange(checkpoints) < place, 0.0, 5.0)
    assert rise(values(means, seed=seed)) == Bracket(place - 1, place)
    assert fall(values(means, seed=seed)) is None


@given(st.integers(2, 8), st.data())
def test_a_clear_end_likewise(checkpoints, data):
    place = data.draw(st.integers(1, checkpoints - 1))
    means = np.where(np.arange(checkpoints) < place, 5.0, 0.0)
    found = values(means, seed=data.draw(st.integers(0, 100)))
    assert rise(found) == Bracket(None, 0)
    assert fall(found) == Bracket(place - 1, place)


@given(st.floats(0.01, 100), st.integers(0, 100))
def test_another_unit_changes_nothing(factor, seed):
    found = values([0.0, 1.0, 2.5, 4.0, 4.5], seed=seed)
    assert rise(found * factor) == rise(found)


def test_it_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    steps, held, width = np.arange(6), [], []
    for seed in range(400):
        means = 3 / (1 + np.exp(-(steps - rng.uniform(0.5, 4.5)) / rng.uniform(0.1, 1.5)))
        true = int(np.argmax(means >= means.max() / 2))
        found = rise(values(means, seed=seed, noise=0.5))
        held.append(holds(found, true))
        width.append(found.by - (-1 if found.after is None else found.after))
    assert np.mean(held) >= 0.95
    assert np.mean(width) < 1.5  # and it is not by saying «somewhere»


def test_a_mean_that_is_half_within_the_noise_is_on_neither_side():
    bracket = rise(values([0.0, 0.0, 2.0, 4.0], n=64, seed=3))
    assert bracket == Bracket(1, 3)


def test_one_more_prompt_worth_the_same_narrows_it_no_further_than_to_two_checkpoints():
    assert rise(values([0.0, 1.0, 4.0], n=500, spread=0.01, noise=0.01)) == Bracket(1, 2)


def test_nothing_is_located_by_too_few_rows():
    rows = tuple(range(6)) * 20
    design = SamplingDesign(120, (Factor("noun", rows, sampled=True),))
    assert rise_bracket(values([0.0, 1.0, 4.0], n=120), design) is None
    assert fall_bracket(values([4.0, 1.0, 0.0], n=120), design) is None


@pytest.mark.parametrize("means", [[0.0, 0.0, 0.0], [-3.0, -2.0, -1.0]])
def test_what_is_never_above_zero_has_none(means):
    assert rise(values(means, seed=1)) is None
    assert fall(values(means, seed=1)) is None


def test_what_comes_and_goes_has_both():
    found = values([0.0, 0.0, 4.0, 4.0, 0.0, 0.0])
    assert (rise(found), fall(found)) == (Bracket(1, 2), Bracket(3, 4))
