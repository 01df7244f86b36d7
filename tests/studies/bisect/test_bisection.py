"""Bisection: one change, in as few questions as halving takes."""

import math

import pytest

from mi_checks.studies.bisect.bisection import TurningPoint, bisect


@pytest.mark.parametrize("number", [2, 3, 5, 17, 64, 65])
def test_it_finds_every_change_and_asks_no_more_than_it_must(number):
    most = 2 + math.ceil(math.log2(number - 1)) if number > 2 else 2
    for turn in range(1, number):
        for begins in (True, False):
            asked = []

            def passes(place, turn=turn, begins=begins, asked=asked):
                asked.append(place)
                return begins == (place < turn)

            assert bisect(number, passes) == TurningPoint(turn - 1, turn)
            assert len(asked) == len(set(asked)) <= most


def test_64_take_8():
    asked = []
    bisect(64, lambda place: asked.append(place) or place >= 40)
    assert len(asked) == 8


def test_of_several_changes_it_finds_one():
    answers = [True, False, True, True, False, False]
    found = bisect(6, answers.__getitem__)
    assert answers[found.before]
    assert not answers[found.after]
    assert found.after == found.before + 1


def test_ends_that_agree_are_all_that_is_asked():
    asked = []
    assert bisect(64, lambda place: asked.append(place) or True) is None
    assert asked == [0, 63]
