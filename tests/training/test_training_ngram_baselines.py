"""Baselines, against counts that a hand can do."""

import numpy as np
import pytest

from training.ngram_baselines import BLOCK_TOKENS, BigramModel, fit_bigram, pair_counts


def test_pairs_are_counted() -> None:
    counts = pair_counts(np.array([0, 1, 2, 1, 2, 2]), 3)
    np.testing.assert_array_equal(counts, [[0, 1, 0], [0, 0, 2], [0, 1, 1]])


def test_pairs_across_blocks_are_counted_once() -> None:
    text = np.random.default_rng(0).integers(0, 4, 3 * BLOCK_TOKENS + 17)
    counts = pair_counts(text, 4)
    assert counts.sum() == len(text) - 1
    np.testing.assert_array_equal(counts, sum(pair_counts(text, 4, slice(i, None, 2)) for i in (0, 1)))


def test_bigram_by_hand() -> None:
    # 1 is followed by 2 three times and by 1 once; nothing else was seen
    bigram = BigramModel(np.array([[0.0, 0, 0], [0, 1, 3], [0, 0, 0]]), prior=2.0)
    unigram = np.array([1, 2, 4]) / 7
    np.testing.assert_allclose(bigram.unigram, unigram)
    table = bigram.probabilities()
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    assert table[1, 2] == pytest.approx((3 + 2 * 4 / 7) / (4 + 2))
    np.testing.assert_allclose(table[0], unigram)  # never seen: falls back
    rows = np.array([[1, 2, 0], [1, 1, 2]])
    by_unigram, by_bigram = bigram.losses(rows)
    assert by_unigram == pytest.approx(-np.log(unigram[[2, 0, 1, 2]]).mean())
    assert by_bigram == pytest.approx(-np.log([table[1, 2], table[2, 0], table[1, 1], table[1, 2]]).mean())


def test_loss_of_a_uniform_source_is_its_entropy() -> None:
    rng = np.random.default_rng(1)
    text = rng.integers(0, 8, 200_000)
    fitted = fit_bigram((text,), (1.0,), window=128, d_vocab=8)
    unigram, bigram = fitted.losses(rng.integers(0, 8, (64, 129)))
    assert unigram == pytest.approx(np.log(8), abs=0.01)
    assert bigram == pytest.approx(np.log(8), abs=0.01)


def test_loss_of_a_markov_chain_is_its_conditional_entropy() -> None:
    rng = np.random.default_rng(2)
    stays = rng.random(200_000) < 0.9
    text = np.cumsum(~stays) % 4  # from each state: stay with 0.9, else on to the next
    fitted = fit_bigram((text,), (1.0,), window=128, d_vocab=4)
    _, bigram = fitted.losses(text[: 129 * 100].reshape(100, 129))
    assert bigram == pytest.approx(-(0.9 * np.log(0.9) + 0.1 * np.log(0.1)), abs=0.02)


def test_shares_weigh_the_texts() -> None:
    ones, twos = np.ones(10_001, dtype=int), np.full(2_001, 2)
    fitted = fit_bigram((ones, twos), (0.5, 0.3), window=10**9, d_vocab=3)
    assert fitted.counts[2, 2] / fitted.counts[1, 1] == pytest.approx(0.6, rel=0.01)
