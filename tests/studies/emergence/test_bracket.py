"""The bracket of a change: it holds the checkpoint at which a simulated curve really changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.studies.emergence.appearance import Bracket, fall_bracket, rise_bracket
from tests.studies.emergence.curves import values


def holds(bracket, place):
    return bracket is not None and (-1 if bracket.after is None else bracket.after) < place <= bracket.by


@given(st.integers(2, 8), st.data())
def test_a_clear_jump_is_told_to_its_two_checkpoints(checkpoints, data):
    place = data.draw(st.integers(1, checkpoints - 1))
    seed = data.draw(st.integers(0, 100))
    means = np.where(np.arange(checkpoints) < place, 0.0, 5.0)
    assert rise_bracket(values(means, seed=seed)) == Bracket(place - 1, place)
    assert fall_bracket(values(means, seed=seed)) is None


@given(st.integers(2, 8), st.data())
def test_a_clear_end_likewise(checkpoints, data):
    place = data.draw(st.integers(1, checkpoints - 1))
    means = np.where(np.arange(checkpoints) < place, 5.0, 0.0)
    found = values(means, seed=data.draw(st.integers(0, 100)))
    assert rise_bracket(found) == Bracket(None, 0)
    assert fall_bracket(found) == Bracket(place - 1, place)


@given(st.floats(0.01, 100), st.integers(0, 100))
def test_another_unit_changes_nothing(factor, seed):
    found = values([0.0, 1.0, 2.5, 4.0, 4.5], seed=seed)
    assert rise_bracket(found * factor) == rise_bracket(found)


def test_it_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    steps, held, width = np.arange(6), [], []
    for seed in range(400):
        means = 3 / (1 + np.exp(-(steps - rng.uniform(0.5, 4.5)) / rng.uniform(0.1, 1.5)))
        true = int(np.argmax(means >= means.max() / 2))
        found = rise_bracket(values(means, seed=seed, noise=0.5))
        held.append(holds(found, true))
        width.append(found.by - (-1 if found.after is None else found.after))
    assert np.mean(held) >= 0.95
    assert np.mean(width) < 1.5  # and it is not by saying «somewhere»


def test_a_mean_that_is_half_within_the_noise_is_on_neither_side():
    bracket = rise_bracket(values([0.0, 0.0, 2.0, 4.0], n=64, seed=3))
    assert bracket == Bracket(1, 3)


def test_one_more_prompt_worth_the_same_narrows_it_no_further_than_to_two_checkpoints():
    assert rise_bracket(np.repeat([[0.0], [1.0], [4.0]], 500, axis=1)) == Bracket(1, 2)


@pytest.mark.parametrize("means", [[0.0, 0.0, 0.0], [-3.0, -2.0, -1.0]])
def test_what_is_never_above_zero_has_none(means):
    assert rise_bracket(values(means, seed=1)) is None
    assert fall_bracket(values(means, seed=1)) is None


def test_what_comes_and_goes_has_both():
    found = values([0.0, 0.0, 4.0, 4.0, 0.0, 0.0])
    assert (rise_bracket(found), fall_bracket(found)) == (Bracket(1, 2), Bracket(3, 4))
