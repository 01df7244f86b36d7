"""The circuit that a report draws is the one that was planted: its nodes, its edges, and no others."""

import pytest

from mi_checks.cache.cache_store import CacheStore
from mi_checks.cache.cached_engine import CachedEngine
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.nodes import Node
from mi_checks.suite.evidence.circuit_evidence import MIN_PATH_PROMPTS, circuit, path_prompts
from tests import planted as planting
from tests.planting.placements import PLACEMENTS

PLANTED = ("induction-2l-1-0", "induction-2l-decoy", "skip-trigram-2l-1-2", "redundant-pair-outer")


def claim(planted):
    return {"mediators": {"component": "head", "above": 0.5, "exactly": sorted(planted.roles)}}


def drawn(planted, *checks, measuring=None):
    measured = planted.measurements(*checks)
    measured.sweep("head")
    batch = path_prompts(measured)
    made = choose_engine("replay", planted.loaded_model, batch) if measuring is None else measuring(batch)
    return circuit(measured, measured.with_batch(batch).with_engine(made))


def edges_of(found):
    return {(edge.sender, f"{edge.receiver}.{edge.via}" if edge.via else edge.receiver) for edge in found.edges}


@pytest.mark.parametrize("name", PLANTED)
def test_what_was_planted_is_drawn(name, planted_at):
    planted = planted_at(name)
    found = drawn(planted, claim(planted))
    assert {node.node for node in found.nodes} == set(map(str, planted.nodes))
    assert all(node.claimed and node.found and node.effect.low > 0.9 for node in found.nodes)
    assert {node.node: node.role for node in found.nodes} == {
        str(node): role for role, nodes in planted.roles.items() for node in nodes
    }
    assert edges_of(found) == {(str(sender), str(receiver)) for sender, receiver in planted.edges}
    assert all(edge.found and not edge.claimed for edge in found.edges)
    assert found.omitted == 0
    assert found.n == MIN_PATH_PROMPTS < len(planted.batch)


def test_a_neuron_is_reached_through_its_layer():
    planted = planting.and_neuron(2, head=(0, 1), neuron=(1, 5))
    claims = {"patching": {"nodes": ["fetch", "and"], "recovers": {"at_least": 0.5}}}
    found = drawn(planted, claims)
    assert {node.node: (node.kind, node.claimed, node.found) for node in found.nodes} == {
        "L0H1": ("head", True, True),
        "L1N5": ("neuron", True, True),
        "L1.mlp": ("mlp", False, True),
    }
    assert {("L0H1", "L1.mlp"), ("L1N5", "logits")} <= edges_of(found)


def test_hypothesised_is_told_from_found():
    planted = planting.induction(previous=(0, 1), induction=(1, 2), decoy=(0, 0))
    found = drawn(planted, {"patching": {"nodes": ["L0H0", "induction"], "recovers": {"at_least": 0.5}}})
    assert {node.node: (node.claimed, node.found) for node in found.nodes} == {
        "L0H0": (True, False),
        "L0H1": (False, True),
        "L1H2": (True, True),
    }


def test_what_is_claimed_to_do_little_is_not_hypothesised():
    planted = planting.induction(previous=(0, 1), induction=(1, 2))
    little = {"patching": {"nodes": "L1H0", "recovers": {"at_most": 0.1}}}
    others = {"patching": {"nodes": "all heads", "recovers": {"at_least": 0.1}}}
    found = drawn(planted, little, others)
    assert {node.node: node.claimed for node in found.nodes} == {"L0H1": False, "L1H2": False}


def test_claimed_edges_are_drawn_whether_they_carry_anything_or_not():
    planted = planting.induction(previous=(0, 1), induction=(1, 2))
    path = {"path": {"from": "previous_token", "to": "induction", "via": "k", "recovers": {"at_least": 0.5}}}
    wrong = {"circuit": {"edges": ["L0H1 -> L1H2.v"], "faithfulness": {"at_least": 0.5}}}
    found = drawn(planted, path, wrong)
    seen = {(edge.sender, edge.receiver, edge.via): (edge.claimed, edge.found) for edge in found.edges}
    assert seen == {
        ("L0H1", "L1H2", "k"): (True, True),
        ("L0H1", "L1H2", "v"): (True, False),
        ("L1H2", "logits", ""): (False, True),
    }


def test_cards_show_where_heads_look_and_what_they_write():
    planted = planting.induction(previous=(0, 1), induction=(1, 2))
    ablation = {"ablation": {"nodes": "induction", "with": "mean", "removes": {"at_least": 0.5}}}
    cards = {card.head: card for card in drawn(planted, claim(planted), ablation).cards}
    clean = planted.batch.pairs[0].clean
    first, second = clean.labels["A1"][0], clean.labels["B1"][0]
    assert cards["L0H1"].attention[second][first] > 90
    assert cards["L1H2"].attention[-1][second] > 90
    for card in cards.values():
        assert [len(row) for row in card.attention] == [*range(1, len(clean.tokens) + 1)]
        assert all(95 <= sum(row) <= 105 for row in card.attention)
    assert cards["L1H2"].direct.low > 1 > abs(cards["L0H1"].direct.value)
    assert (cards["L1H2"].ablation, cards["L0H1"].ablation, cards["L0H1"].removes) == ("mean", "", None)
    assert 0.4 < cards["L1H2"].removes.value < 0.6  # no preference is half of the way to the corrupt one


def test_without_a_sweep_nothing_is_drawn(planted_at):
    planted = planted_at(PLANTED[0])
    measured = planted.measurements(claim(planted))
    assert circuit(measured, measured) is None


def test_a_recalled_circuit_equals_a_fresh_one(tmp_path):
    planted = planting.induction()
    store, made = CacheStore(tmp_path), []

    def measuring(batch):
        made.append(CachedEngine(lambda: choose_engine("replay", planted.loaded_model, batch), store, "key"))
        return made[-1]

    fresh = drawn(planted, claim(planted), measuring=measuring)
    made[0].save()
    assert drawn(planted, claim(planted), measuring=measuring) == fresh
    assert (made[0].cached, made[1].has_engine) == (0, False)
    assert made[1].requested == made[1].cached == made[0].requested


def test_a_head_that_is_claimed_by_a_part_is_drawn_whole():
    planted = planting.induction(previous=(0, 1), induction=(1, 2))
    found = drawn(planted, {"patching": {"nodes": "L1H2.k", "recovers": {"at_least": 0.5}}})
    assert {node.node: node.claimed for node in found.nodes} == {"L0H1": False, "L1H2": True}
    assert str(Node(1, "head", 2)) in {card.head for card in found.cards}


def test_placements_are_those_of_the_other_tests():
    assert set(PLANTED) <= set(PLACEMENTS)
