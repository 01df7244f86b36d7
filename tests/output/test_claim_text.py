"""A claim in words."""

import pytest

from mi_checks.output.claim_text import claim_text
from mi_checks.results.claim import Claim

HEADS = ("L0H3", "L1H1")


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (None, ""),
        (Claim("", text="L1H1 carries it"), "L1H1 carries it"),
        (
            Claim("logit difference", against="foils", score="first_token", at_least=2),
            "the mean logit difference is at least 2",
        ),
        (
            Claim("logit difference", against="corrupt", score="log_probability", at_least=2, at_most=3.5),
            "the mean log-probability difference, clean − corrupt, is at least 2 and at most 3.5",
        ),
        (
            Claim("logit difference", against="foils", score="first_difference", at_least=2),
            "the mean logit difference is at least 2",
        ),
        (Claim("logit difference", against="foils", score="rank", at_most=5), "the mean score rank is at most 5"),
        (
            Claim("accuracy", against="vocabulary", at_least=0.5),
            "the answer is the most probable token on at least 0.5 of the prompts",
        ),
        (
            Claim("fraction recovered", nodes=HEADS, method="denoising", at="A2", at_least=0.5),
            "denoising L0H3, L1H1 at A2 recovers at least 0.5 of clean − corrupt",
        ),
        (
            Claim("fraction removed", nodes=("L1H1",), method="mean", at_least=0.3),
            "mean-ablating L1H1 removes at least 0.3 of clean − corrupt",
        ),
        (
            Claim("fraction removed", path=(("L0H3",), HEADS, ("logits",)), method="noising", at_least=0.3),
            "noising the path L0H3 → L0H3, L1H1 → logits removes at least 0.3 of clean − corrupt",
        ),
        (
            Claim("mediators", nodes=HEADS, among="head", threshold=0.1, at="A"),
            "at least L0H3, L1H1 each recover more than 0.1 of clean − corrupt at A",
        ),
        (
            Claim("mediators", nodes=("L0H3",), among="head", exactly=True, threshold=0.1),
            "exactly L0H3 recovers more than 0.1 of clean − corrupt",
        ),
        (
            Claim("mediators", among="neuron", exactly=True, threshold=0.1),
            "no neuron recovers more than 0.1 of clean − corrupt",
        ),
        (
            Claim("attention probability", nodes=HEADS, at="A2", to="B1", at_least=0.2),
            "each of L0H3, L1H1 attends from A2 to B1 with probability at least 0.2",
        ),
        (
            Claim("direct logit attribution", nodes=HEADS, at_least=1),
            "L0H3, L1H1 together write at least 1 directly into the clean logit difference",
        ),
        (
            Claim("composition score", path=(HEADS, ("L2H0.k",)), at_least=3),
            "the composition score of one of L0H3, L1H1 with L2H0.k is at least 3 times that of random matrices",
        ),
        (
            Claim("fraction of the input norm", path=(("L0H3",), ("L1H1.k", "L1H2.k")), at="B1", at_least=0.1),
            "L0H3 writes at least 0.1 of the norm of each of L1H1.k, L1H2.k at B1",
        ),
        (
            Claim("faithfulness", nodes=HEADS, at_least=0.9),
            "the circuit {L0H3, L1H1} alone keeps at least 0.9 of the score that ablating everything takes away",
        ),
        (
            Claim("faithfulness", edges=("L0H3 → L1H1.k",), at_least=0.9),
            "the edges {L0H3 → L1H1.k} alone keep at least 0.9 of the score that ablating everything takes away",
        ),
        (
            Claim("completeness", nodes=HEADS, n=3, at_most=0.3),
            "the scores of the circuit {L0H3, L1H1} and of the model differ by at most 0.3, on average over 3 "
            "knock-outs inside the circuit",
        ),
        (
            Claim("minimality", nodes=HEADS, at_least=0.01),
            "taking any node out of the circuit {L0H3, L1H1} costs at least 0.01 of m(M) − m(∅)",
        ),
        (
            Claim("sufficiency", nodes=HEADS, n=65, of=65, at_least=0.9),
            "the circuit {L0H3, L1H1} alone scores above at least 0.9 of the other circuits of its size (all 65)",
        ),
        (
            Claim("necessity", nodes=HEADS, n=200, of=3003, at_least=0.9),
            "ablating the circuit {L0H3, L1H1} costs more than ablating at least 0.9 of the other circuits of its size "
            "(200 drawn at random of 3003)",
        ),
        (
            Claim("CPR", among="heads_and_mlps", at_least=0.9),
            "CPR of circuits among heads and mlps, by the fraction that each node recovers alone, is at least 0.9",
        ),
        (
            Claim("role", nodes=("L0H3",), role="early", score="previous_token", against="the lock", at_least=0.4),
            "the role early is bound to L0H3, as in roles.lock.yaml (score previous_token, at least 0.4)",
        ),
        (
            Claim("role", role="early", score="prefix", at_least=0.4, n=1),
            "the role early is bound to a node (score prefix, at least 0.4, the 1 highest)",
        ),
        (
            Claim("absence", denied=(Claim("accuracy", against="foils", at_least=0.8),)),
            "the behaviour is absent: “the answer scores above every foil on at least 0.8 of the prompts” is false",
        ),
        (
            Claim("reference model", against="nano-attn-2l"),
            "the behaviour and its mechanism are those of nano-attn-2l",
        ),
        (Claim("baseline"), "every effect is as the baseline records it, within what these prompts can resolve"),
        (Claim("lint"), "nothing gives reason to doubt what the behaviour measures"),
    ],
)
def test_words(claim, words):
    assert claim_text(claim) == words
