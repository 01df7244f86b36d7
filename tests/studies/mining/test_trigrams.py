"""Counts by sorting and gathering are the counts one makes by hand."""

from collections import Counter as Tally

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.studies.mining import trigrams
from mi_checks.studies.mining.corpus import NO_TOKEN
from mi_checks.studies.mining.eligible_tokens import TokenMasks
from mi_checks.studies.mining.trigrams import Trigram, TrigramCounter, TrigramCriteria, count_triples, mine_trigrams

SIZE = 4
files = st.lists(st.lists(st.integers(0, SIZE - 1), max_size=12), min_size=1, max_size=4)
gaps = st.sampled_from([0, 2, 3, 5])


def laid_out(texts, reach):
    return np.array([t for text in texts for t in (*[NO_TOKEN] * reach, *text)] + [NO_TOKEN], dtype=np.int32)


def naive(texts, distances):
    """(a, b, c) → count, (a, b) → count, (b, c) → count, b → count."""
    tallies = Tally(), Tally(), Tally(), Tally()
    for text in texts:
        for place in range(len(text) - 1):
            b, c = text[place : place + 2]
            for a in {text[place - distance] for distance in distances if place - distance >= 0}:
                tallies[0][a, b, c] += 1
                tallies[1][a, b] += 1
            tallies[2][b, c] += 1
            tallies[3][b] += 1
    return tallies


@settings(deadline=None)
@given(files, gaps, st.integers(1, 3), st.floats(0, 1), st.floats(0, 1), st.integers(1, 9))
def test_what_is_mined_is_what_a_naive_counter_finds(texts, gap, least, likely, unlikely, at_once):
    criteria = TrigramCriteria(gap=gap, least_count=least, likely=likely, unlikely=unlikely)
    counter = TrigramCounter(laid_out(texts, criteria.distances[-1]), SIZE, criteria.distances)
    everything = np.ones(SIZE, dtype=bool)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trigrams, "TOKENS_AT_ONCE", at_once)  # so that one b takes several chunks
        found = mine_trigrams(counter, criteria, TokenMasks(everything, everything, everything))
    three, both, last, single = naive(texts, criteria.distances)
    expected = {
        Trigram((a, b, c), n, both[a, b], last[b, c], single[b])
        for (a, b, c), n in three.items()
        if n >= least and n >= likely * both[a, b] and last[b, c] <= unlikely * single[b]
    }
    assert set(found) == expected
    assert len(found) == len(expected)


@settings(deadline=None)
@given(files, gaps)
def test_what_is_looked_up_is_what_a_naive_counter_finds(texts, gap):
    distances = TrigramCriteria(gap=gap).distances
    counter = TrigramCounter(laid_out(texts, distances[-1]), SIZE, distances)
    three, both, _, _ = naive(texts, distances)
    asked = [(a, b, c) for a in range(SIZE) for b in range(SIZE) for c in range(SIZE)]
    assert count_triples(counter, asked) == {(a, b, c): (three[a, b, c], both[a, b]) for a, b, c in asked}


def test_a_token_twice_before_another_is_counted_once():
    counter = TrigramCounter(laid_out([[0, 0, 0, 1, 2]], 4), SIZE, range(2, 5))
    assert count_triples(counter, [(0, 1, 2)]) == {(0, 1, 2): (1, 1)}


def test_only_the_masks_tokens_are_mined():
    counter = TrigramCounter(laid_out([[0, 1, 2]] * 3, 1), SIZE, range(1, 2))
    criteria = TrigramCriteria(least_count=1, likely=0.0, unlikely=1.0)
    every = np.ones(SIZE, dtype=bool)
    for place in range(3):
        masks = [every.copy() for _ in range(3)]
        masks[place][place] = False  # 0 as a, 1 as b, 2 as c
        assert mine_trigrams(counter, criteria, TokenMasks(*masks)) == []
    assert [one.triple for one in mine_trigrams(counter, criteria, TokenMasks(every, every, every))] == [(0, 1, 2)]
