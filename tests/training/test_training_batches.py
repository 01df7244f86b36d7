"""Batches: a function of seed and step, with the disclosed shares of repeats."""

from pathlib import Path

import numpy as np

from training.batches import BatchMix, TokenArrays, random_repeats, training_batch

SIZE, N_CTX, D_VOCAB = 256, 129, 64


def rows_of(data: Path, *, seed: int, step: int, size: int = SIZE) -> np.ndarray:
    return training_batch(TokenArrays(data), BatchMix(), seed=seed, step=step, size=size, n_ctx=N_CTX, d_vocab=D_VOCAB)


def test_the_same_seed_and_step_give_the_same_batch(data: Path) -> None:
    np.testing.assert_array_equal(rows_of(data, seed=3, step=7), rows_of(data, seed=3, step=7))


def test_another_seed_or_step_gives_another_batch(data: Path) -> None:
    rows = rows_of(data, seed=3, step=7)
    assert not np.array_equal(rows, rows_of(data, seed=3, step=8))
    assert not np.array_equal(rows, rows_of(data, seed=4, step=7))


def test_every_row_starts_with_token_0(data: Path) -> None:
    assert (rows_of(data, seed=0, step=0)[:, 0] == 0).all()


def test_shares_are_those_of_the_mix_within_binomial_error(tmp_path: Path) -> None:
    """Constant code and constant prose, so that a row's kind can be read off it."""
    np.save(tmp_path / "code-train.npy", np.full(5000, 1, dtype=np.uint16))
    np.save(tmp_path / "prose-train.npy", np.full(5000, 2, dtype=np.uint16))
    size, mix = 8000, BatchMix()
    rows = training_batch(TokenArrays(tmp_path), mix, seed=0, step=0, size=size, n_ctx=N_CTX, d_vocab=2048)[:, 1:]
    random = np.array([len(np.unique(row)) > 2 for row in rows])  # random tokens are neither 1 nor 2
    prose = (rows == 2).all(axis=1)
    code = (rows == 1).all(axis=1)
    mixed = ~random & ~prose & ~code  # repeated prose after a lead of code
    half = mix.repeated_text / 2
    error = 4 * np.sqrt(0.25 / size)
    assert abs(random.mean() - mix.repeated_random) < error
    assert abs(code.mean() - (mix.code + half)) < error
    assert abs((prose | mixed).mean() - (1 - mix.code - mix.repeated_random - half)) < error
    assert mixed.any()


def test_random_repeats_are_token_0_and_two_copies() -> None:
    rows = random_repeats(seed=5, size=8, length=20, d_vocab=D_VOCAB)
    assert rows.shape == (8, 41)
    assert (rows[:, 0] == 0).all()
    np.testing.assert_array_equal(rows[:, 1:21], rows[:, 21:])
    assert rows[:, 1:].min() >= 1
    assert not np.array_equal(rows[0], rows[1])
