"""Which factors cluster prompts, which are strata, and what strata take from the variance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mi_checks.prompts.factors import Factor, factor
from mi_checks.stats.sampling import MIN_STRATUM, SamplingDesign, independent, joint_rows


def design(n, **factors):
    """A design with `name=(rows, sampled)`."""
    return SamplingDesign(n, tuple(factor(name, rows, sampled=sampled) for name, (rows, sampled) in factors.items()))


def cyclic(n, size):
    return [place % size for place in range(n)]


def test_a_sampled_factor_of_which_rows_repeat_clusters():
    nouns = design(64, noun=(cyclic(64, 9), True))
    assert [each.name for each in nouns.clustering] == ["noun"]
    assert (nouns.clusters, nouns.observations) == (9, 9)
    assert nouns.cluster_rows[0].tolist() == cyclic(64, 9)


@pytest.mark.parametrize("rows", [range(64), [0] * 64])
def test_all_distinct_rows_do_not_cluster_and_one_row_does_not(rows):
    none = design(64, noun=(rows, True))
    assert none.clustering == ()
    assert (none.clusters, none.observations) == (None, 64)


def test_a_fixed_factor_does_not_cluster():
    kinds = design(64, kind=(cyclic(64, 3), False))
    assert kinds.clustering == ()
    assert kinds.strata.tolist() == cyclic(64, 3)


def test_a_factor_that_is_nested_in_a_coarser_one_is_superfluous():
    """Nouns of one language each: the claim is about more languages."""
    nouns = cyclic(64, 16)
    nested = design(64, noun=(nouns, True), language=([noun % 8 for noun in nouns], True))
    assert [each.name for each in nested.clustering] == ["language"]
    crossed = design(64, noun=(nouns, True), adjective=([place // 8 for place in range(64)], True))
    assert [each.name for each in crossed.clustering] == ["adjective", "noun"]


def test_two_names_of_the_same_rows_are_one_factor():
    same = design(32, noun=(cyclic(32, 8), True), plural=(cyclic(32, 8), True))
    assert len(same.clustering) == 1


def test_crossed_fixed_factors_are_strata_as_long_as_cells_are_large_enough():
    n = 4 * 3 * MIN_STRATUM
    both = design(n, kind=(cyclic(n, 4), False), tense=([place // 4 % 3 for place in range(n)], False))
    assert both.strata.max() + 1 == 12
    n = 4 * 3 * MIN_STRATUM - 1
    one = design(n, kind=(cyclic(n, 4), False), tense=([place // 4 % 3 for place in range(n)], False))
    assert one.strata.max() + 1 == 4


def test_a_row_of_too_few_prompts_leaves_no_strata():
    rows = [0] * 30 + [1] * (MIN_STRATUM - 1)
    assert design(len(rows), kind=(rows, False)).strata is None
    values = np.random.default_rng(0).normal(size=(2, len(rows)))
    assert design(len(rows), kind=(rows, False)).without_strata(values) is values


@given(st.integers(0, 1000))
def test_strata_leave_the_mean_and_the_variance_within(seed):
    """Neyman's variance of a stratified mean, Σ (n_h / n)² s_h² / n_h, but for the divisor n − 1."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(cyclic(40, 4))
    values = rng.normal(size=(3, 40)) + 10.0 * rows
    stratified = design(40, kind=(rows, False))
    within = stratified.without_strata(values)
    np.testing.assert_allclose(within.mean(1), values.mean(1), atol=1e-9)
    neyman = sum((10 / 40) ** 2 * values[:, rows == row].var(1, ddof=1) / 10 for row in range(4))
    np.testing.assert_allclose(within.var(1, ddof=1) / 40, neyman * 40 / 39)


def test_a_part_of_the_prompts_has_the_design_of_that_part():
    nouns = design(64, noun=(cyclic(64, 32), True), kind=(cyclic(64, 2), False))
    half = nouns.select(slice(None, 32))
    assert (half.n, half.clustering) == (32, ())  # no noun repeats in one half
    chosen = np.arange(64) % 32 < 10
    some = nouns.where(chosen)
    assert (some.n, some.clusters) == (20, 10)
    assert nouns.select(slice(None, None, 2)).factors[0] == nouns.where(np.arange(64) % 2 == 0).factors[0]


def test_the_digest_is_of_what_intervals_depend_on():
    plain = independent(32)
    nouns, other = design(32, noun=(cyclic(32, 8), True)), design(32, noun=(cyclic(32, 16), True))
    kinds = design(32, kind=(cyclic(32, 4), False))
    as_strata, as_clusters = design(32, kind=(cyclic(32, 8), False)), nouns
    distinct = [plain, nouns, other, kinds, independent(33)]
    assert len({each.digest for each in distinct}) == len(distinct)
    assert design(32, adjective=(cyclic(32, 8), True)).digest == nouns.digest  # names do not matter
    assert design(32, noun=(range(32), True)).digest == plain.digest  # neither do rows that are all distinct
    assert as_strata.digest != as_clusters.digest


def test_joint_rows_are_cells():
    one, other = np.array([0, 0, 1, 1, 0]), np.array([0, 1, 0, 0, 0])
    cells = joint_rows([one, other])
    assert cells[0] == cells[4]
    assert cells[2] == cells[3]
    assert len(set(cells.tolist())) == 3


def test_rows_are_numbered_in_the_order_of_first_use():
    assert factor("noun", ["b", "a", "b", "c"], sampled=True) == Factor("noun", (0, 1, 0, 2), True)
