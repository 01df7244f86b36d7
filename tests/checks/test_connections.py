"""What a check of connections refuses once it knows the nodes: behind roles, no file tells."""

import numpy as np
import pytest

from mi_checks.checks.dispatch import run_check
from mi_checks.engine.composition import RandomInputFractions
from mi_checks.errors import MiChecksError

SOME = {"at_least": 0.5}


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (
            {"path": {"from": ["L0.attn", "L0H1"], "to": "logits", "recovers": SOME}},
            "path[L0.attn+L0H1->logits]: on nano-attn-2l, 'L0H1' is part of 'L0.attn', so it would be counted twice",
        ),
        (
            {"path": {"from": "L1H0", "to": "L0H1", "via": "k", "recovers": SOME}},
            "path[L1H0->L0H1.k]: there is no path from L1H0 to L0H1.k, because L0H1.k does not come after it",
        ),
        (
            {"direct_logit_attribution": {"nodes": ["L0N1", "L0.mlp"], "at_least": 0.5}},
            "attribution[L0N1+L0.mlp]: on nano-attn-2l, 'L0N1' is part of 'L0.mlp', so it would be counted twice",
        ),
    ],
)
def test_nodes_that_nothing_connects(judged, around, check, message):
    with pytest.raises(MiChecksError) as caught:
        judged(check, around(5))
    assert str(caught.value) == message


@pytest.fixture
def composing(measurements, around):
    """The verdict on a composition whose scores, or whose fraction of the input, are given."""

    def composing(check, scores=None, fraction=None, random=1e-4):
        measured = measurements(around(5), checks=[{"composes": {"from": "L0H1", "to": "L1H0", "via": "k", **check}}])
        table = np.zeros((2, 3, 2, 3))
        table[0, 1, 1, 0] = 0.0 if scores is None else scores
        measured.composition = lambda _: (table, np.linspace(0.05, 0.15, 1000))
        noise = np.random.default_rng(3).normal(0, 0.02, 64)

        def measure(quantity):
            if isinstance(quantity, RandomInputFractions):
                return np.linspace(0, random, quantity.draws)[None]
            return (fraction * (1 + noise - noise.mean()))[None]

        measured.measure = measure
        return run_check(measured.behaviour.checks[0].check, measured)

    return composing


def test_weights_that_are_zero_have_no_composition_score(composing):
    assert composing({"times_random": {"at_most": 0.5}}, scores=0.0).outcome == "pass"  # orthogonal, and not empty
    with pytest.raises(MiChecksError) as caught:
        composing({"times_random": {"at_most": 0.5}}, scores=np.nan)
    assert str(caught.value) == (
        "composes[L0H1->L1H0.k]: on nano-attn-2l, the composition score of L0H1 with L1H0.k is undefined, because all "
        "weights of one of the heads are zero; name other heads"
    )


def test_case_32_a_fraction_of_a_norm_that_is_rounding_is_zero(composing):
    assert composing({"at": "A", "writes": {"at_least": 1e-9}}, fraction=1e-7).outcome == "fail"
    assert composing({"at": "A", "writes": {"at_least": 1e-3}}, fraction=2e-3).outcome == "pass"
    assert composing({"at": "A", "writes": {"at_most": 0.1}}, fraction=1e-7).estimate.value == 0


def test_case_32_what_nodes_write_within_rounding_is_nothing(measurements, around):
    def attribution(written, **bound):
        measured = measurements(
            around(5), checks=[{"direct_logit_attribution": {"nodes": "L0H1", **bound}}], rounding=1e-5
        )
        varied = written * (1 + around(0, spread=0.02, seed=4))
        measured.measure = lambda quantity: np.tile(varied, (len(quantity.nodes), 1))
        return run_check(measured.behaviour.checks[0].check, measured)

    assert attribution(1e-7, at_least=1e-9).outcome == "fail"
    assert attribution(1e-7, at_most=0.1).outcome == "pass"
    nothing = attribution(1e-7, at_least=0)
    assert (nothing.outcome, nothing.reason) == (
        "fail",
        "what L0H1 write directly into the logit difference is rounding error on every prompt",
    )
    assert attribution(1e-3, at_least=0).outcome == "pass"
