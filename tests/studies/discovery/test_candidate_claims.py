"""Claims of sets on held-out prompts: where the threshold lies, and what is not claimed."""

import numpy as np
import pytest

from mi_checks.checks.measurements import Sweep
from mi_checks.engine.nodes import all_nodes, parse_node
from mi_checks.spec.behaviour import ModelEntry
from mi_checks.spec.node_names import ModelShape
from mi_checks.stats.estimate import Estimate
from mi_checks.stats.sampling import independent
from mi_checks.studies.discovery.candidate_claims import circuit_claim, mediators_claim
from mi_checks.studies.discovery.circuit_search import PrunedCircuit
from mi_checks.studies.discovery.held_out_claims import CandidateClaim, ClaimVerifier, UnsupportedClaim
from mi_checks.studies.discovery.node_effects import assess_sweep

SPREAD = np.random.default_rng(1).normal(0, 0.02, 64)


@pytest.fixture
def line(stubbed):
    """The line on shares by head, found at 0.1 on other prompts and held out here; a second mapping is held out."""

    def line(shares, held=None, pairs=64, effect_size=1.0):
        nodes = all_nodes("head", stubbed(None).loaded_model.shape)
        rows = np.array([shares.get(str(node), 0.0) + SPREAD for node in nodes])
        found = assess_sweep(Sweep(tuple(nodes), None, rows, np.ones(64), independent(64)), 0.1)
        measured = stubbed(lambda i: (held or shares).get(str(i.nodes[0]), 0.0) + SPREAD, effect_size=effect_size)
        sets = {"mediators": tuple(map(str, sorted(found.significant)))}
        behaviour = measured.behaviour.model_copy(update={"models": {"nano-attn-2l": ModelEntry(nodes=sets)}})
        measured._bound = behaviour.sets_for("nano-attn-2l")
        return mediators_claim(found, "mediators", ClaimVerifier(measured, pairs))

    return line


def test_exactly_where_every_node_is_clear_of_the_threshold(line):
    claim = line({"L0H1": 0.5, "L1H2": 0.3})
    assert claim.entry == {"mediators": {"component": "head", "above": 0.1, "exactly": "mediators"}}
    assert claim.estimates[0][0] == "L1H2"
    assert claim.note == ""


def test_the_threshold_moves_to_where_every_node_is_clear_of_it(line):
    claim = line({"L0H1": 0.5, "L1H2": 0.09})
    assert 0.1 < claim.entry["mediators"]["above"] <= 0.2
    assert claim.entry["mediators"]["exactly"] == "mediators"
    assert claim.note == "threshold moved so that every node is clear of it"


def test_include_where_others_are_near_wherever_it_lies(line):
    claim = line({"L0H1": 0.13, "L1H2": 0.1}, {"L0H1": 0.13, "L1H2": 0.12})
    assert claim.entry == {"mediators": {"component": "head", "above": 0.1, "include": "mediators"}}
    assert claim.note == "not `exactly`: other nodes are too close to the threshold"


def test_what_does_not_come_again_is_not_claimed(line):
    with pytest.raises(
        UnsupportedClaim, match=r"^mediators\[head\]: L1H2 −?0\.00.* is not clear of 0\.1 with 64 pairs$"
    ):
        line({"L0H1": 0.5, "L1H2": 0.3}, {"L0H1": 0.5})


def test_no_effect_size_on_the_held_out_prompts_is_told(line):
    with pytest.raises(UnsupportedClaim, match=r"^mediators\[head\]: clean − corrupt is .*, on the held-out prompts$"):
        line({"L0H1": 0.5}, effect_size=0.0)


def test_why_there_is_no_circuit_is_told(stubbed):
    with pytest.raises(UnsupportedClaim, match=r"^circuit: nothing to take out$"):
        circuit_claim(
            PrunedCircuit(reason="nothing to take out"),
            "circuit",
            "mean",
            ClaimVerifier(stubbed(lambda i: 0.0), 64),
            0.8,
        )


def test_where_not_every_head_was_patched_nothing_is_claimed_of_all(stubbed):
    nodes = all_nodes("head", stubbed(None).loaded_model.shape)
    found = assess_sweep(Sweep(tuple(nodes), None, np.full((6, 64), 0.5) + SPREAD, np.ones(64), independent(64)), 0.1)
    with pytest.raises(UnsupportedClaim, match=r"^mediators\[head\]: only a selection of the heads was patched"):
        mediators_claim(found, "mediators", ClaimVerifier(stubbed(lambda i: 0.0), 64), complete=False)


@pytest.fixture
def claimed(stubbed):
    """The line on a circuit that keeps so much of what ablating everything takes away."""

    def claimed(circuit, kept, heads=3, most=None, removed=None):
        shape = ModelShape(4, heads, None)
        names = {*map(str, circuit.nodes)}

        def moved(intervention):
            out = {*map(str, intervention.nodes)}
            if removed is not None and not names <= out and len(out) < 4 * heads:
                return removed(names - out)
            return 1.0 if names & out else 1.0 - kept if len(out) < 4 * heads else 1.0

        measured = stubbed(moved, shape)
        measured._bound = {"circuit": tuple(names)}
        return circuit_claim(circuit, "circuit", "mean", ClaimVerifier(measured, 64), 0.8, most)

    return claimed


TWO = (parse_node("L0H1"), parse_node("L1H2"))


@pytest.mark.parametrize("kept", [0.85, 1.0, 1.15])
def test_case_20_faithfulness_is_claimed_from_both_sides(claimed, kept):
    line = claimed(PrunedCircuit(TWO), kept)
    bound = line.entry["circuit"]["faithfulness"]
    assert kept - 0.2 < bound["at_least"] < kept < bound["at_most"] < kept + 0.2


@pytest.mark.parametrize("kept", [1.48, 4.99])
def test_case_20_a_circuit_that_keeps_more_than_the_whole_is_not_claimed(claimed, kept):
    with pytest.raises(
        UnsupportedClaim,
        match=r"^circuit: L0H1, L1H2 has a faithfulness of \d\.\d+ .* too far above 1, so heads outside",
    ):
        claimed(PrunedCircuit(TWO), kept)


def test_case_20_a_circuit_with_a_node_that_works_against_it_is_not_claimed_minimal(claimed):
    more = Estimate(4.9, 4.8, 5.0, 64, "", "")
    whole = Estimate(1.0, 0.98, 1.02, 64, "", "")
    line = claimed(PrunedCircuit(TWO, faithfulness=whole, faithfulness_without={TWO[1]: more}), 1.0)
    assert "minimal" not in line.entry["circuit"]
    assert line.note == "not claimed minimal: without L1H2, faithfulness would be higher"


def test_without_time_minimality_is_not_measured(claimed):
    line = claimed(PrunedCircuit(TWO), 1.0, most=3)
    assert line.note == "minimality is not measured, because it would have taken too long"


def test_a_large_circuit_is_not_claimed_minimal(stubbed):
    nodes = tuple(parse_node(f"L{layer}H{head}") for layer in range(3) for head in range(3))
    names = tuple(map(str, nodes))

    def removed(intervention):
        return 0.11 * len({*map(str, intervention.nodes)} & {*names})

    measured = stubbed(removed, ModelShape(4, 3, None))
    measured._bound = {"circuit": names}
    claim = circuit_claim(PrunedCircuit(nodes), "circuit", "mean", ClaimVerifier(measured, 64), 0.8)
    assert "minimal" not in claim.entry["circuit"]
    assert claim.note == "minimality is not measured for more than 8 nodes"


def test_case_34_what_is_far_beyond_the_whole_is_not_claimed(stubbed):
    """A check may not be held to ten times the whole and more; up to there it is drafted with a warning."""
    measured = stubbed(lambda i: 40.6)
    far = CandidateClaim("path", {"from": "L0H1", "to": "logits"}, "recovers")
    said = (
        r"^path\[L0H1->logits\]: 40\.\d+ \[.*\] is so far above the whole effect that no check can have such a bound$"
    )
    with pytest.raises(UnsupportedClaim, match=said):
        ClaimVerifier(measured, 64).bounded_claim(far)
    line = ClaimVerifier(stubbed(lambda i: 3.4), 64).bounded_claim(far)
    assert line.note == "warning: exceeds the whole effect, so something else cancels part of it"
    assert {*line.entry["path"]["recovers"]} == {"at_least", "at_most"}
