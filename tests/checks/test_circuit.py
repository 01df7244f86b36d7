"""Circuits whose scores are given: what is measured of them, and what is concluded."""

import numpy as np
import pytest

from mi_checks.errors import MiChecksError
from mi_checks.output.claim_text import claim_text

HEADS = {f"L{layer}H{head}" for layer in range(2) for head in range(3)}
CIRCUIT = ["L0H1", "L1H2"]


def additive(**parts):
    """What ablating a set takes away, each node its own part, with the spread of prompts."""
    spread = np.random.default_rng(0).normal(0, 0.1, 64)

    def removes(nodes):
        return sum((parts.get(node, 0) * (1 + spread - spread.mean()) for node in nodes), np.zeros(64))

    return removes


def circuit(nodes=CIRCUIT, **claim):
    return {"circuit": {"nodes": nodes, **claim}}


def test_faithfulness_is_what_the_circuit_keeps_of_what_there_is(judged, around):
    removes = additive(L0H1=2, L1H2=1, L0H0=1)
    verdict = judged(circuit(faithfulness={"at_least": 0.7}), around(5), removes=removes)
    assert verdict.outcome == "pass"
    assert verdict.estimate.value == pytest.approx(0.75)
    assert verdict.estimate.unit == "fraction of m(M) − m(∅)"


def test_an_unfaithful_circuit_fails(judged, around):
    removes = additive(L0H1=1, L1H2=1, L0H0=2)
    assert judged(circuit(faithfulness={"at_least": 0.7}), around(5), removes=removes).outcome == "fail"


def test_without_a_span_there_is_nothing_to_be_faithful_to(judged, around):
    verdict = judged(circuit(faithfulness={"at_least": 0.7}), around(5), removes=lambda nodes: np.zeros(64))
    assert verdict.outcome == "fail"
    assert "m(M) − m(∅) is 0.000 logits [0.000, 0.000], which is not above zero" in verdict.reason


def test_a_complete_circuit_changes_as_the_model_does(judged, around):
    verdict = judged(circuit(completeness={"at_most": 0.05}), around(5), removes=additive(L0H1=2, L1H2=1))
    assert verdict.outcome == "pass"
    assert verdict.estimate.value == pytest.approx(0, abs=1e-12)
    assert "over 3 knock-outs" in claim_text(verdict.claim)


def test_a_circuit_with_a_backup_outside_is_incomplete(judged, around):
    def removes(nodes):  # L0H0 does what L0H1 does where that is out
        carried = 3.0 * (not {"L0H1", "L0H0"} <= nodes) - 0.0
        return np.full(64, 3.0 - carried) + around(0)

    faithful = judged(circuit(["L0H1"], faithfulness={"at_least": 0.9}), around(5), removes=removes)
    assert faithful.outcome == "pass"
    verdict = judged(circuit(["L0H1"], completeness={"at_most": 0.2}), around(5), removes=removes)
    assert verdict.outcome == "fail"
    assert verdict.estimate.value == pytest.approx(1, abs=0.1)
    assert verdict.detail.startswith("largest difference without L0H1: ")


def test_every_node_of_a_minimal_circuit_matters(judged, around):
    verdict = judged(circuit(minimal=True), around(5), removes=additive(L0H1=2, L1H2=1))
    assert verdict.outcome == "pass"
    assert verdict.detail == "Bonferroni over the node removed before, Holm over 2 nodes"
    assert verdict.deciding in CIRCUIT


def test_a_node_that_does_nothing_is_named(judged, around):
    verdict = judged(circuit([*CIRCUIT, "L0H2"], minimal=True), around(5), removes=additive(L0H1=2, L1H2=1))
    assert verdict.outcome == "fail"
    assert verdict.reason == "not needed: L0H2"


def test_a_redundant_pair_is_redundant_and_not_absent(judged, around):
    noise = around(0)

    def removes(nodes):  # either of the pair is enough
        return 2 * (1 + noise) * ({"L0H1", "L0H2"} <= nodes) + (1 + noise) * ("L1H2" in nodes)

    verdict = judged(circuit(["L0H1", "L0H2", "L1H2"], minimal=True), around(5), removes=removes)
    assert verdict.outcome == "pass"
    assert (
        "redundant pairs, each node mattering once the other is removed: L0H1 with L0H2; L0H2 with L0H1"
        in verdict.detail
    )


def test_minimal_with_a_bound_of_its_own(judged, around):
    removes = additive(L0H1=2, L1H2=0.2)
    assert judged(circuit(minimal={"at_least": 0.05}), around(5), removes=removes).outcome == "pass"
    assert judged(circuit(minimal={"at_least": 0.2}), around(5), removes=removes).outcome == "fail"


@pytest.mark.parametrize("aspect", ["sufficient", "necessary"])
def test_a_circuit_ahead_of_all_others_of_its_size(judged, around, aspect):
    removes = additive(L0H1=2, L1H2=1, L0H0=0.2, L0H2=0.1)
    verdict = judged(circuit(**{aspect: {"at_least": 0.9}}), around(5), removes=removes)
    assert verdict.outcome == "pass"
    assert verdict.estimate.value == 1
    assert "of the other circuits of its size (all 14)" in claim_text(verdict.claim)


@pytest.mark.parametrize("aspect", ["sufficient", "necessary"])
def test_a_circuit_like_any_other_is_not(judged, around, aspect):
    removes = additive(L0H1=0.3, L1H2=0.3, L0H0=1, L0H2=1, L1H0=1, L1H1=0.9)
    verdict = judged(circuit(**{aspect: {"at_least": 0.9}}), around(5), removes=removes)
    assert verdict.outcome == "fail"
    assert verdict.estimate.value == 0
    assert verdict.reason.startswith("the strongest random circuit is ")


def test_members_outside_what_is_ablated(judged, around):
    with pytest.raises(MiChecksError) as caught:
        judged(circuit(["L0H1", "L0.mlp"], faithfulness={"at_least": 0.5}), around(5))
    assert str(caught.value) == (
        "circuit[L0H1+L0.mlp,faithfulness]: on nano-attn-2l, the circuit cannot contain L0.mlp, because 'among: heads' "
        "ablates only heads; set 'among: heads_and_mlps'"
    )


def test_a_circuit_that_is_the_whole_model(judged, around):
    with pytest.raises(MiChecksError) as caught:
        judged(circuit("all heads", faithfulness={"at_least": 0.5}), around(5))
    assert str(caught.value) == (
        "circuit[all_heads,faithfulness]: on nano-attn-2l, the circuit contains all 6 heads, so nothing would be "
        "ablated; leave out at least one"
    )


def test_a_circuit_of_all_edges(judged, around):
    edges = [f"layer 0 heads -> layer 1 heads.{via}" for via in "qkv"] + ["all heads -> logits"]
    with pytest.raises(MiChecksError) as caught:
        judged({"circuit": {"edges": edges, "faithfulness": {"at_least": 0.5}}}, around(5))
    assert str(caught.value).endswith(
        "all_heads->logits,faithfulness]: on nano-attn-2l, the circuit contains all edges, so nothing would be "
        "ablated; leave out at least one"
    )


def test_with_mlps_the_universe_has_them(judged, around):
    removes = additive(**{"L0H1": 2, "L1.mlp": 2})
    claim = circuit(["L0H1"], among="heads_and_mlps", faithfulness={"at_least": 0.4})
    assert judged(claim, around(5), removes=removes).estimate.value == pytest.approx(0.5)
    claim["circuit"]["nodes"] = ["L0H1", "L1.mlp"]
    assert judged(claim, around(5), removes=removes).estimate.value == pytest.approx(1)
