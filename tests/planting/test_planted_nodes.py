"""The checks find the nodes that were planted, wherever they were planted, and no others."""

import pytest

from mi_checks.engine.interventions import denoise
from tests.planting.placements import AND_NEURON, INDUCTION, PLACEMENTS, REDUNDANT_PAIR

ABOVE = 0.1  # of clean − corrupt; what is planted recovers all of it


def names(nodes):
    return [str(node) for node in nodes]


def test_there_are_many_placements():
    assert len(PLACEMENTS) >= 30
    assert len({(place.func, str(place.keywords)) for place in PLACEMENTS.values()}) == len(PLACEMENTS)


@pytest.mark.parametrize("name", PLACEMENTS)
def test_the_model_does_what_was_planted(name, planted_at, verdict):
    planted = planted_at(name)
    assert verdict(planted, "accuracy", against="corrupt", at_least=0.8).outcome == "pass"
    assert verdict(planted, "logit_diff", at_least=4).outcome == "pass"


@pytest.mark.parametrize("name", PLACEMENTS)
def test_mediators_are_exactly_what_was_planted(name, planted_at, verdict):
    planted = planted_at(name)
    for component in ("head", "neuron") if name in AND_NEURON else ("head",):
        claimed = names(node for node in planted.nodes if node.kind == component)
        claim = verdict(planted, "mediators", component=component, above=ABOVE, exactly=claimed)
        assert (claim.outcome, claim.reason) == ("pass", "")


@pytest.mark.parametrize("name", PLACEMENTS)
def test_mediators_claimed_one_head_off_are_told_so(name, planted_at, verdict):
    planted = planted_at(name)
    heads = [node for node in planted.nodes if node.kind == "head"]
    others = [node for node in planted.measurements().sweep("head").nodes if node not in heads]
    claim = verdict(planted, "mediators", component="head", above=ABOVE, exactly=names([*heads[1:], others[0]]))
    assert claim.outcome == "fail"
    assert (
        f"claimed, but below the threshold (Holm-corrected over {len(heads + others)} heads): {others[0]}"
        in claim.reason
    )
    if heads:
        assert (
            f"above the threshold, but not claimed (Holm-corrected over {len(heads + others)} heads): {heads[0]}"
            in claim.reason
        )


@pytest.mark.parametrize("name", PLACEMENTS)
def test_each_planted_node_alone_recovers_everything(name, planted_at, verdict):
    planted = planted_at(name)
    for node in planted.nodes:
        assert (
            verdict(planted, "patching", nodes=str(node), recovers={"at_least": 0.85, "at_most": 1.15}).outcome
            == "pass"
        )


@pytest.mark.parametrize("name", INDUCTION)
def test_of_induction_the_key_is_patched_through_and_the_query_is_not(name, planted_at, verdict):
    """A and D move: what is moved onto B, and so the key there. What stands at B, and what is asked, does not."""
    planted = planted_at(name)
    (previous,), (induction,) = planted.roles["previous_token"], planted.roles["induction"]
    truth = {"q": [], "k": [f"{induction}.k"], "v": [f"{previous}.v"], "pattern": [f"{induction}.pattern"]}
    for part, claimed in truth.items():
        claim = verdict(planted, "mediators", component=part, above=ABOVE, exactly=claimed)
        assert (part, claim.outcome, claim.reason) == (part, "pass", "")


@pytest.mark.parametrize("name", [*INDUCTION, *REDUNDANT_PAIR])
def test_heads_recover_at_the_labels_where_they_act(name, planted_at):
    """Of a swap, B1 alone makes A precede both B and C, and C1 alone neither: about half is recovered."""
    planted = planted_at(name)
    some, all_, none = (0.15, 0.85), (0.85, 1.15), (-0.05, 0.05)
    swapped = {"A1": none, "B1": some, "C1": some, "A2": none}
    replaced = {"A1": none, "B1": all_, "C1": none, "A2": none}
    at = {
        "previous_token": swapped if name in INDUCTION else replaced,
        "induction": {"A1": none, "B1": none, "C1": none, "A2": all_},
    }
    for role, places in at.items():
        for node in planted.roles[role]:
            for label, (low, high) in places.items():
                share = planted.shares([denoise(node, at=label)])[0]
                assert low < share < high, f"{node} at {label}"


@pytest.mark.parametrize("name", PLACEMENTS)
def test_heads_look_where_they_were_planted_to(name, planted_at, verdict):
    planted = planted_at(name)
    looks = {
        "previous_token": ("B1", "A1"), "induction": ("A2", "B1"), "skip_trigram": ("b", "a"), "fetch": ("b", "a"),
    }  # fmt: skip
    for role, (source, to) in looks.items():
        for node in planted.roles.get(role, ()):
            claim = verdict(planted, "attention", nodes=str(node), **{"from": source}, to=to, at_least=0.9)
            assert claim.outcome == "pass"
