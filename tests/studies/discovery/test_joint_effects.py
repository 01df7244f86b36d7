"""Sets of nodes that do together much more than each alone."""

from itertools import combinations

import pytest

from mi_checks.engine.nodes import all_nodes
from mi_checks.spec.node_names import ModelShape
from mi_checks.studies.discovery.joint_effects import find_joint_effects

SMALL = ModelShape(2, 3, None)
ABOVE = 0.1


def found(stubbed, removed=None, recovered=None, noised=None, pairs=None, sufficient=(), needed=()):
    """What is found where ablating removes, denoising recovers, and noising removes, so much of the names of a set."""

    def moved(intervention):
        does = recovered if intervention.run == "corrupt" else noised if intervention.value == "corrupt" else removed
        return does({str(node) for node in intervention.nodes}) if does else 0.0

    measured = stubbed(moved, SMALL)
    heads = all_nodes("head", SMALL)
    by_name = {str(head): head for head in heads}
    pairs = list(combinations(heads, 2)) if pairs is None else [tuple(by_name[name] for name in pair) for pair in pairs]
    result = find_joint_effects(
        measured, measured, pairs, "mean", ABOVE,
        sufficient=[by_name[name] for name in sufficient], needed=[by_name[name] for name in needed],
    )  # fmt: skip
    return result, measured


def names(joints):
    return [tuple(map(str, each.nodes)) for each in joints]


def test_a_pair_that_only_matters_together_is_redundant(stubbed):
    result, _ = found(stubbed, lambda out: 0.9 * ({"L0H0", "L1H2"} <= out))
    assert names(result.redundant) == [("L0H0", "L1H2")]
    assert result.conjunctions == ()
    (pair,) = result.redundant
    assert pair.method == "mean"
    assert [alone.value for alone in pair.alone] == pytest.approx([0, 0])
    assert pair.together.value == pytest.approx(0.9, abs=0.02)
    assert (result.n_pairs, result.n_tests) == (15, 48)


def copies(first, second, together):
    def removed(out):
        return {0: 0.0, 1: 0.0, 2: together}.get(len(out & {"L0H0", "L1H2"}), 0.0) or (
            first * ("L0H0" in out) + second * ("L1H2" in out)
        )

    return removed


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (0.14, 0.14, True),
        (0.14, 0.25, True),
        (0.2, 0.2, True),
        (0.0, 0.25, True),
        (0.25, 0.25, False),  # as much as the two alone, added up
        (0.0, 0.47, False),  # one alone does nearly all of it
    ],
)
def test_case_23_copies_that_are_each_missed_a_little_are_redundant(stubbed, first, second, told):
    """Together they remove 0.49, each alone more than the threshold of 0.1 and much less than its half of that."""
    result, _ = found(stubbed, copies(first, second, 0.49))
    assert names(result.redundant) == ([("L0H0", "L1H2")] if told else [])


def test_case_23_copies_that_only_noising_shows_are_redundant(stubbed):
    """Where all clean prompts are alike, their mean is what stands there already."""
    result, _ = found(stubbed, None, noised=copies(0.1, 0.1, 0.9))
    assert names(result.redundant) == [("L0H0", "L1H2")]
    assert result.redundant[0].method == "noising"


@pytest.mark.parametrize("size", [3, 4])
def test_case_23_three_copies_are_redundant_where_no_pair_is(stubbed, size):
    alike = ("L0H0", "L0H1", "L1H1", "L1H2")[:size]
    others = ("L1H0",)  # is as sufficient, and no copy of them
    result, _ = found(stubbed, lambda out: 0.9 * ({*alike} <= out), sufficient=[*alike, *others])
    assert names(result.redundant) == [alike]


def test_case_23_two_sets_of_copies_are_told_apart(stubbed):
    one, two = ("L0H0", "L0H1", "L0H2"), ("L1H0", "L1H1", "L1H2")
    result, _ = found(stubbed, lambda out: 0.5 * ({*one} <= out) + 0.5 * ({*two} <= out), sufficient=[*one, *two])
    assert sorted(names(result.redundant)) == [one, two]


def test_two_that_add_up_are_not_and_neither_is_one_that_matters_alone(stubbed):
    adds = found(stubbed, lambda out: 0.09 * len(out))[0]
    alone = found(stubbed, lambda out: 0.9 * ("L0H0" in out))[0]
    one_after_another = found(stubbed, lambda out: 0.9 * bool({"L0H0", "L1H2"} & out))[0]
    for result in (adds, alone, one_after_another):
        assert result.redundant == ()


def test_a_node_that_works_against_it_is_no_copy_of_what_it_holds_back(stubbed):
    """Without the suppressor there is 0.5 more, and without both 0.5 less: all of that is the other head's."""
    both = {"L0H0", "L1H2"}

    def removed(out):
        return 0.5 if both <= out else 0.5 * ("L0H0" in out) - 0.5 * ("L1H2" in out)

    assert found(stubbed, removed)[0].redundant == ()


def test_case_22_two_that_only_recover_together_are_a_conjunction(stubbed):
    """Each alone removes 0.998 and recovers 0.002."""
    result, _ = found(
        stubbed,
        recovered=lambda back: 0.998 if {"L0H0", "L1H2"} <= back else 0.002 * bool({"L0H0", "L1H2"} & back),
        noised=lambda out: 0.998 * bool({"L0H0", "L1H2"} & out),
        needed=("L0H0", "L1H2"),
    )
    assert names(result.conjunctions) == [("L0H0", "L1H2")]
    assert result.redundant == ()
    (pair,) = result.conjunctions
    assert (pair.method, pair.together.value) == ("denoising", pytest.approx(0.998, abs=0.02))


def test_case_22_three_that_need_each_other_are_a_conjunction(stubbed):
    team = ("L0H0", "L0H2", "L1H1")
    result, _ = found(stubbed, recovered=lambda back: 0.9 * ({*team} <= back), needed=[*team, "L1H0"])
    assert names(result.conjunctions) == [team]


def test_case_22_what_recovers_as_much_alone_is_no_conjunction(stubbed):
    """A head and what it feeds each recover all, and so do both; or each a half, and both the whole."""
    series = found(stubbed, recovered=lambda back: 0.9 * bool({"L0H0", "L1H2"} & back), needed=("L0H0", "L1H2"))[0]
    parallel = found(stubbed, recovered=lambda back: 0.45 * len({"L0H0", "L1H2"} & back), needed=("L0H0", "L1H2"))[0]
    assert series.conjunctions == parallel.conjunctions == ()


def test_what_is_more_than_the_sum_both_ways_is_neither(stubbed):
    """0.4 and 0.4 alone, and 0.95 together, restored as well as removed."""
    both = {"L0H0", "L1H2"}

    def effect(nodes):
        return 0.95 if both <= nodes else 0.4 * len(both & nodes)

    result, _ = found(stubbed, effect, effect, effect, sufficient=["L0H0", "L1H2"], needed=["L0H0", "L1H2"])
    assert result.redundant == result.conjunctions == ()
    assert names(result.reinforcing) == [("L0H0", "L1H2")]
    assert result.reinforcing[0].method == "denoising"


def test_only_the_pairs_given_are_looked_at(stubbed):
    result, measured = found(stubbed, lambda out: 0.9 * ({"L0H0", "L1H2"} <= out), pairs=[("L0H0", "L0H1")])
    assert result.redundant == ()
    assert result.n_pairs == 1
    assert {len(asked.nodes) for asked in measured.asked} <= {1, 2}
    assert {tuple(map(str, asked.nodes)) for asked in measured.asked if len(asked.nodes) == 2} == {("L0H0", "L0H1")}
