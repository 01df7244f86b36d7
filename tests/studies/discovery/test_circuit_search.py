"""Greedy pruning on circuits whose faithfulness a test knows."""

import numpy as np
import pytest

from mi_checks.checks.circuit_scores import CircuitScores
from mi_checks.spec.node_names import ModelShape
from mi_checks.stats.estimate import Estimate
from mi_checks.studies.discovery.circuit_search import is_faithful, prune

HEADS = ("L0H0", "L0H1", "L0H2", "L1H0", "L1H1", "L1H2")
NOTHING = "ablating every head has no significant effect: m(M) − m(∅) is "


def circuits(stubbed, score, effect_size=1.0, shape=None, heads=HEADS):
    """`score` of the names of the heads that are left → m(C)."""
    return CircuitScores(
        stubbed(
            lambda i: effect_size - score({*heads} - {str(node) for node in i.nodes}),
            shape=shape,
            effect_size=effect_size,
        )
    )


def pruned(stubbed, score, strength=None, most=None, **given):
    known = circuits(stubbed, score, **given)
    order = {node: (strength or {}).get(str(node), 0.0) for node in known.universe}
    return prune(known, known, order, 0.8, effect_size=1.0, most=most)


def names(nodes):
    return [*map(str, nodes)]


def test_what_is_not_needed_is_taken_out_though_it_is_strong_alone(stubbed):
    def needs_both(left):
        return float({"L0H1", "L1H2"} <= left)

    found = pruned(stubbed, needs_both, {"L1H0": 0.9, "L0H1": 0.5, "L0H0": 0.2, "L1H2": 0.1})
    assert names(found.initial_nodes) == ["L0H0", "L0H1", "L1H0", "L1H2"]
    assert names(found.nodes) == ["L0H1", "L1H2"]
    assert sorted(names(node for step in found.removals for node in step.nodes)) == ["L0H0", "L1H0"]
    assert found.faithfulness.low > 0.9


def test_the_least_needed_goes_first_and_the_target_is_kept(stubbed):
    share = {"L0H0": 0.5, "L0H1": 0.25, "L0H2": 0.15, "L1H0": 0.1}
    found = pruned(stubbed, lambda left: sum(share.get(head, 0) for head in left), share)
    assert names(found.nodes) == ["L0H0", "L0H1", "L0H2"]
    assert 0.8 <= found.faithfulness.low < 1


def test_of_two_that_do_the_same_one_stays(stubbed):
    found = pruned(stubbed, lambda left: float(bool({"L0H0", "L0H1"} & left)), {"L0H0": 1, "L0H1": 1})
    assert names(found.nodes) == ["L0H0"]


@pytest.mark.parametrize(
    ("low", "high", "faithful"),
    [
        (0.8, 1.2, True),
        (0.9, 1.21, False),
        (0.79, 1.0, False),
        (4.9, 5.1, False),
        (1.4, 1.55, False),
        (1.0, 1.0, True),
    ],
)
def test_case_20_more_than_the_whole_is_no_more_faithful_than_less(low, high, faithful):
    assert is_faithful(Estimate((low + high) / 2, low, high, 64, "", ""), 0.8) is faithful


@pytest.mark.parametrize("gains", [(5.0, -4.0), (1.48, -0.48), (0.3, 2.0, -1.3), (11.0, -10.0)])
def test_case_20_heads_that_cancel_are_all_in_the_circuit(stubbed, gains):
    """The strongest alone keep several times the whole; only with the negative ones they keep it."""
    share = dict(zip(("L0H1", "L1H2", "L1H0"), gains, strict=False))
    found = pruned(
        stubbed, lambda left: sum(share.get(head, 0) for head in left), {k: abs(v) for k, v in share.items()}
    )
    assert names(found.nodes) == sorted(share)
    assert found.faithfulness.value == pytest.approx(1)
    assert names(found.opposing) == sorted(head for head, gain in share.items() if gain < 0)


def test_case_20_a_head_that_cancels_and_is_weak_alone_is_found_all_the_same(stubbed):
    """What noising or denoising it alone does need not show what it does in a circuit."""
    share = {"L0H1": 2.0, "L1H2": -1.0}
    found = pruned(stubbed, lambda left: sum(share.get(head, 0) for head in left), {"L0H1": 1.0, "L0H0": 0.1})
    assert names(found.nodes) == ["L0H1", "L1H2"]


def test_where_all_heads_are_needed_there_is_no_circuit(stubbed):
    found = pruned(stubbed, lambda left: float(len(left) == 6))
    assert found.nodes == ()
    assert found.reason == "no circuit smaller than all 6 heads has a faithfulness of 0.8"


def test_where_ablation_takes_nothing_away_there_is_no_circuit(stubbed):
    needed, idle = circuits(stubbed, lambda left: float(len(left) > 3)), circuits(stubbed, lambda left: 1.0)
    for search, whole in ((idle, idle), (needed, idle), (idle, needed)):
        found = prune(search, whole, dict.fromkeys(search.universe, 0.0), 0.8)
        assert found.nodes == ()
        assert found.reason.startswith(NOTHING)


def test_where_ablation_moves_no_more_than_rounding_there_is_no_circuit(stubbed):
    """2.4e-7 logits in every prompt are significantly above zero, and yet nothing to be faithful to."""
    found = pruned(stubbed, lambda left: 1.0 if left else 1.0 - 2.4e-7)
    assert found.nodes == ()
    assert found.reason == f"{NOTHING}2.4e-07 logits, and clean − corrupt is 1.000"


def test_what_does_not_hold_on_all_prompts_comes_back(stubbed):
    few = circuits(stubbed, lambda left: float("L0H0" in left))
    most = circuits(stubbed, lambda left: float({"L0H0", "L0H1"} <= left))
    strength = {node: float(str(node) == "L0H1") for node in few.universe}
    found = prune(few, most, strength, 0.8)
    assert names(found.nodes) == ["L0H0", "L0H1"]
    assert found.removals == ()
    assert np.isclose(found.faithfulness.value, 1)


LARGE = ModelShape(4, 12, None)
MANY = tuple(f"L{layer}H{head}" for layer in range(4) for head in range(12))
NEEDED = ("L0H3", "L1H7", "L3H11")


def needs_three(left):
    return float({*NEEDED} <= left) + 0.001 * len(left) / len(MANY)


def test_of_a_large_circuit_several_go_at_a_time(stubbed):
    strength = dict.fromkeys(MANY, 0.5) | {NEEDED[0]: 0.9, NEEDED[2]: 0.1}
    found = pruned(stubbed, needs_three, strength, shape=LARGE, heads=MANY)
    assert names(found.nodes) == [*NEEDED]
    assert len(found.initial_nodes) == len(MANY)
    assert len(found.removals[0].nodes) > 20
    asked = found.removals[0].faithfulness
    assert asked.low >= 0.8


def test_without_time_it_stops_where_it_is_and_says_so(stubbed):
    strength = dict.fromkeys(MANY, 0.5) | {NEEDED[2]: 0.1}
    found = pruned(stubbed, needs_three, strength, shape=LARGE, heads=MANY, most=50)
    assert found.unfinished
    assert {*NEEDED} <= {*names(found.nodes)}
    assert found.faithfulness.low >= 0.8
    assert found.opposing == ()
