"""The `circuit` and `path` checks say of planted circuits what was planted, and of others what they are not."""

import pytest

from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from tests.planting.placements import AND_NEURON, INDUCTION, PLACEMENTS, REDUNDANT_PAIR, SKIP_TRIGRAM

OF_HEADS = INDUCTION | SKIP_TRIGRAM | REDUNDANT_PAIR
ALONE = {name: make for name, make in OF_HEADS.items() if name not in REDUNDANT_PAIR}


def others(planted):
    return [node for node in all_nodes("head", planted.loaded_model.shape) if node not in planted.nodes]


@pytest.mark.parametrize("name", OF_HEADS)
def test_the_planted_heads_are_faithful_and_complete(name, planted_at, verdict):
    """Above one, where the noise in all other heads takes something away: in four layers as much as 0.07."""
    planted = planted_at(name)
    nodes = list(map(str, planted.nodes))
    assert verdict(planted, "circuit", nodes=nodes, faithfulness={"at_least": 0.9, "at_most": 1.15}).outcome == "pass"
    assert verdict(planted, "circuit", nodes=nodes, completeness={"at_most": 0.1}).outcome == "pass"


@pytest.mark.parametrize("name", OF_HEADS)
def test_each_planted_head_is_needed_and_no_other(name, planted_at, verdict):
    planted = planted_at(name)
    nodes = list(map(str, planted.nodes))
    minimal = verdict(planted, "circuit", nodes=nodes, minimal={"at_least": 0.1})
    assert minimal.outcome == "pass"
    assert ("redundant" in minimal.detail) == (name in REDUNDANT_PAIR)
    idle = others(planted)
    if len(idle) > 1:  # else the circuit with it is the whole model
        more = verdict(planted, "circuit", nodes=[*nodes, str(idle[0])], minimal={"at_least": 0.1})
        assert (more.outcome, more.reason) == ("fail", f"not needed: {idle[0]}")


@pytest.mark.parametrize("name", REDUNDANT_PAIR)
def test_a_redundant_pair_is_said_to_be_one(name, planted_at, verdict):
    planted = planted_at(name)
    one, other = planted.roles["previous_token"]
    detail = verdict(planted, "circuit", nodes=list(map(str, planted.nodes)), minimal={"at_least": 0.1}).detail
    assert f"{one} with {other}; {other} with {one}" in detail


@pytest.mark.parametrize("name", ALONE)
def test_without_one_of_them_nothing_is_left(name, planted_at, verdict):
    planted = planted_at(name)
    nodes = [str(node) for node in planted.nodes[1:]] or [str(others(planted)[0])]
    assert verdict(planted, "circuit", nodes=nodes, faithfulness={"at_least": 0.5}).outcome == "fail"


@pytest.mark.parametrize("name", ALONE)
def test_the_planted_edges_are_faithful_and_each_is_needed(name, planted_at, verdict):
    planted = planted_at(name)
    edges = [f"{sender} -> {'logits' if end == LOGITS else end}" for sender, end in planted.edges]
    assert verdict(planted, "circuit", edges=edges, faithfulness={"at_least": 0.9, "at_most": 1.1}).outcome == "pass"
    assert verdict(planted, "circuit", edges=edges, minimal={"at_least": 0.5}).outcome == "pass"


@pytest.mark.parametrize("name", PLACEMENTS)
def test_paths_along_planted_edges_and_beside_them(name, planted_at, verdict):
    planted = planted_at(name)
    for sender, end in planted.edges:
        claim = {"from": str(sender), **_end(end), "recovers": {"at_least": 0.85}}
        assert verdict(planted, "path", **claim).outcome == "pass"
    idle = next((node for node in others(planted) if node.layer == 0), None)
    if idle is not None:
        beside = verdict(planted, "path", **{"from": str(idle), "to": "logits", "recovers": {"at_least": 0.5}})
        assert beside.outcome == "fail"


@pytest.mark.parametrize("name", AND_NEURON)
def test_the_and_is_faithful_only_with_what_fetches(name, planted_at, verdict):
    """Zeroed: all clean prompts have the same two tokens, so that their mean is what each has."""
    planted = planted_at(name)
    layers = [Node(node.layer, "mlp") for node in planted.nodes if node.kind == "neuron"]
    heads = [node for node in planted.nodes if node.kind == "head"]
    if not heads:  # the corrupt prompt differs in the current token: no head is part of what was planted
        return
    claim = {"with": "zero", "among": "heads_and_mlps", "faithfulness": {"at_least": 0.8}}
    assert verdict(planted, "circuit", nodes=list(map(str, [*heads, *layers])), **claim).outcome == "pass"
    assert verdict(planted, "circuit", nodes=list(map(str, layers)), **claim).outcome == "fail"


def _end(end):
    if end == LOGITS:
        return {"to": "logits"}
    if end.kind == "mlp":
        return {"to": str(end)}
    return {"to": f"L{end.layer}H{end.index}", "via": end.kind}
