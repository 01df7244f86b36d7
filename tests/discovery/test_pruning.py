"""Greedy pruning on circuits whose faithfulness a test knows."""

import numpy as np

from mi_checks.checks.circuits import Circuits
from mi_checks.discovery.pruning import prune

HEADS = ("L0H0", "L0H1", "L0H2", "L1H0", "L1H1", "L1H2")


def circuits(stubbed, score, gap=1.0):
    """`score` of the names of the heads that are left → m(C)."""
    return Circuits(stubbed(lambda i: gap - score({*HEADS} - {str(node) for node in i.nodes}), gap=gap))


def pruned(stubbed, score, strength=None, **given):
    known = circuits(stubbed, score, **given)
    order = {node: (strength or {}).get(str(node), 0.0) for node in known.universe}
    return prune(known, known, order, 0.8)


def names(nodes):
    return [*map(str, nodes)]


def test_what_is_not_needed_is_taken_out_though_it_is_strong_alone(stubbed):
    def needs_both(left):
        return float({"L0H1", "L1H2"} <= left)

    found = pruned(stubbed, needs_both, {"L1H0": 0.9, "L0H1": 0.5, "L0H0": 0.2, "L1H2": 0.1})
    assert names(found.began) == ["L0H0", "L0H1", "L1H0", "L1H2"]
    assert names(found.nodes) == ["L0H1", "L1H2"]
    assert sorted(str(step.out) for step in found.steps) == ["L0H0", "L1H0"]
    assert found.faithfulness.low > 0.9


def test_the_least_needed_goes_first_and_the_target_is_kept(stubbed):
    share = {"L0H0": 0.5, "L0H1": 0.25, "L0H2": 0.15, "L1H0": 0.1}
    found = pruned(stubbed, lambda left: sum(share.get(head, 0) for head in left), share)
    assert names(found.nodes) == ["L0H0", "L0H1", "L0H2"]
    assert 0.8 <= found.faithfulness.low < 1


def test_of_two_that_do_the_same_one_stays(stubbed):
    found = pruned(stubbed, lambda left: float(bool({"L0H0", "L0H1"} & left)), {"L0H0": 1, "L0H1": 1})
    assert names(found.nodes) == ["L0H0"]


def test_where_all_heads_are_needed_there_is_no_circuit(stubbed):
    found = pruned(stubbed, lambda left: float(len(left) == 6))
    assert found.nodes == ()
    assert found.why == "only all 6 heads together are 0.8 faithful, so there is no null"


def test_where_ablation_takes_nothing_away_there_is_no_circuit(stubbed):
    needed, idle = circuits(stubbed, lambda left: float(len(left) > 3)), circuits(stubbed, lambda left: 1.0)
    for search, whole in ((idle, idle), (needed, idle), (idle, needed)):
        found = prune(search, whole, dict.fromkeys(search.universe, 0.0), 0.8)
        assert found.nodes == ()
        assert found.why.startswith("ablating every head takes nothing away for sure: m(M) − m(∅) is ")


def test_what_does_not_hold_on_all_prompts_comes_back(stubbed):
    few = circuits(stubbed, lambda left: float("L0H0" in left))
    most = circuits(stubbed, lambda left: float({"L0H0", "L0H1"} <= left))
    strength = {node: float(str(node) == "L0H1") for node in few.universe}
    found = prune(few, most, strength, 0.8)
    assert names(found.nodes) == ["L0H0", "L0H1"]
    assert found.steps == ()
    assert np.isclose(found.faithfulness.value, 1)
