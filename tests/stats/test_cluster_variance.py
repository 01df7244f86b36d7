"""Variances over clustered prompts, against plain loops over pairs of prompts."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mi_checks.stats.cluster_variance import (
    bell_mccaffrey,
    cluster_values,
    cluster_variance,
    multiway_variance,
    one_way_variance,
)

seeds = st.integers(0, 10_000)


def numbered(rows):
    return np.unique(rows, return_inverse=True)[1]


def drawn(seed, n=40, sizes=(8,)):
    rng = np.random.default_rng(seed)
    factors = [numbered(rng.integers(size, size=n)) for size in sizes]
    values = rng.normal(size=(2, n))
    for size, rows in zip(sizes, factors, strict=True):
        values = values + rng.normal(size=(2, size))[:, rows]
    return values, factors


def pairwise_variance(values, factors):
    """Inclusion and exclusion over subsets of factors, each summed over all pairs of prompts that share its rows."""
    n, mean = len(values), values.mean()
    total = 0.0
    for size in range(1, len(factors) + 1):
        for some in combinations(factors, size):
            cells = [tuple(int(rows[i]) for rows in some) for i in range(n)]
            number = len(set(cells))
            pairs = 0.0
            for i in range(n):
                for j in range(n):
                    if cells[i] == cells[j]:
                        pairs += (values[i] - mean) * (values[j] - mean)
            total += (-1) ** (size + 1) * pairs * number / (number - 1) / n**2
    return total


@pytest.mark.parametrize("sizes", [(8,), (8, 10), (5, 8, 30), (9, 10, 11, 12)])
@pytest.mark.parametrize("seed", range(3))
def test_multiway_variance_is_that_of_all_pairs(sizes, seed):
    values, factors = drawn(seed, sizes=sizes)
    for row, found in zip(values, multiway_variance(values, factors), strict=True):
        floor = max(pairwise_variance(row, [rows]) for rows in factors)
        assert found == pytest.approx(max(pairwise_variance(row, factors), floor))


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_no_factor_alone_has_more_variance_than_all(seed):
    values, factors = drawn(seed, sizes=(8, 12, 20))
    assert (multiway_variance(values, factors) >= one_way_variance(values, factors[1]) - 1e-12).all()


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_bell_mccaffrey_is_the_matrix_formula(seed):
    """CR2 and Satterthwaite's degrees of freedom with hat matrices, as Imbens & Kolesár 2016 write them."""
    values, (rows,) = drawn(seed, n=30, sizes=(7,))
    n = len(rows)
    residual_maker = np.eye(n) - np.ones((n, n)) / n
    columns, variances = [], np.zeros(2)
    for cluster in range(rows.max() + 1):
        inside = np.flatnonzero(rows == cluster)
        block = residual_maker[np.ix_(inside, inside)]
        own, vectors = np.linalg.eigh(block)
        adjust = vectors @ np.diag(own**-0.5) @ vectors.T
        variances += ((values - values.mean(1, keepdims=True))[:, inside] @ adjust.sum(1) / n) ** 2
        columns.append(residual_maker[:, inside] @ adjust.sum(1) / n)
    combined = np.stack(columns, axis=1)
    freedoms = []
    for covariance in (np.eye(n), (rows[:, None] == rows[None]).astype(float)):
        matrix = combined.T @ covariance @ combined
        freedoms.append(np.trace(matrix) ** 2 / (matrix**2).sum())
    variance, freedom = bell_mccaffrey(values, rows)
    np.testing.assert_allclose(variance, variances)
    assert freedom == pytest.approx(min(freedoms))


def test_equal_sizes_have_one_degree_of_freedom_less_than_clusters():
    values = np.random.default_rng(0).normal(size=(2, 48))
    rows = np.arange(48) % 12
    variance, freedom = bell_mccaffrey(values, rows)
    assert freedom == pytest.approx(11)
    np.testing.assert_allclose(variance, one_way_variance(values, rows))
    means = values.reshape(2, 4, 12).mean(1)
    np.testing.assert_allclose(variance, means.var(1, ddof=1) / 12)
    np.testing.assert_allclose(cluster_values(values, rows), means)


def test_unequal_sizes_cost_degrees_of_freedom():
    values = np.random.default_rng(1).normal(size=(1, 48))
    rows = np.repeat(np.arange(12), [15, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3])
    assert bell_mccaffrey(values, rows)[1] < 8


@given(seeds, st.sampled_from([(8,), (8, 12), (9, 10, 11, 12)]))
@settings(max_examples=30, deadline=None)
def test_observations_carry_mean_and_variance(seed, sizes):
    values, factors = drawn(seed, sizes=sizes)
    spread = cluster_variance(values, factors)
    number = spread.observations.shape[1]
    assert number == sum(rows.max() + 1 for rows in factors)
    np.testing.assert_allclose(spread.observations.mean(1), values.mean(1), atol=1e-12)
    np.testing.assert_allclose(
        ((spread.observations - values.mean(1, keepdims=True)) ** 2).sum(1) / number**2,
        spread.variance * np.array([_lost(values, factors)]).ravel(),
        rtol=1e-9,
    )
    assert (spread.effective >= min(rows.max() + 1 for rows in factors) - 1e-9).all()
    assert (spread.effective <= max(rows.max() + 1 for rows in factors) + 1e-9).all()


def _lost(values, factors):
    """The divisor G instead of G − 1, averaged over the factors with their variances as weights."""
    single = np.stack([one_way_variance(values, rows) for rows in factors])
    kept = np.array([1 - 1 / (rows.max() + 1) for rows in factors])[:, None]
    return (single * kept).sum(0) / single.sum(0)


def test_values_without_any_variance_have_none():
    spread = cluster_variance(np.full((1, 24), 3.0), [np.arange(24) % 8, np.arange(24) % 12])
    assert spread.variance.tolist() == [0]
    assert spread.observations == pytest.approx(np.full((1, 20), 3.0))


@given(seeds, st.floats(-5, 5), st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_it_moves_and_stretches_with_the_values(seed, shift, scale):
    values, factors = drawn(seed, sizes=(8, 12))
    spread, moved = cluster_variance(values, factors), cluster_variance(shift + scale * values, factors)
    np.testing.assert_allclose(moved.variance, scale**2 * spread.variance, rtol=1e-7)
    np.testing.assert_allclose(moved.observations, shift + scale * spread.observations, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(moved.effective, spread.effective, rtol=1e-7)
    assert moved.freedom == spread.freedom
