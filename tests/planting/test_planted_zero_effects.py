"""Effects that are exactly zero: a path that does not exist, an OR, and claims for which nothing was tested."""

import re

import numpy as np
import pytest
import torch

from mi_checks.checks.dispatch import run_check
from mi_checks.engine.nodes import LOGITS, Node, parse_node
from tests.planted import one_direction, or_pair
from tests.planting.by_hand import path_effects

ENGINES = ("replay", "reference")
NONE = {"at_most": 0.05}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def pair():
    return or_pair()


@pytest.fixture(scope="module")
def forward():
    return one_direction()


@pytest.fixture(scope="module")
def both_ways():
    return one_direction(reversed_half=True)


def path(sender, to, *, via=None, at=None, **bound):
    return {"from": sender, "to": to, **({"via": via} if via else {}), **({"at": at} if at else {}), **bound}


ABSENT = [
    # sender, receiver, how, its check: nothing of "moved" is read by the unembedding, by keys, queries or values
    ("L0H0", LOGITS, True, path("L0H0", "logits", recovers=NONE)),
    ("L0H0", LOGITS, False, path("L0H0", "logits", removes=NONE)),
    ("L0H2", Node(1, "q", 1), True, path("L0H2", "L1H1", via="q", recovers=NONE)),
    ("L0H2", Node(1, "k", 0), True, path("L0H2", "L1H0", via="k", recovers=NONE)),
    ("L0H2", Node(1, "v", 2), False, path("L0H2", "L1H2", via="v", removes=NONE)),
    # an OR: without either of the two the neurons are what they are with both
    ("L0H0", Node(1, "mlp"), False, path("L0H0", "L1.mlp", removes=NONE)),
    ("L0H2", Node(1, "mlp"), False, path("L0H2", "L1.mlp", at="END", removes=NONE)),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", ABSENT, ids=lambda case: f"{case[0]}-{case[1]}-{case[2]}")
def test_case_24_the_absence_of_a_path_can_be_claimed(pair, verdict, case, engine):
    """By hand in float64: the sender writes something else, and nothing of it arrives; but for what rounding hides."""
    sender, receiver, recovers, check = case
    moved, differs = path_effects(pair, parse_node(sender), receiver, recovers=recovers)
    assert np.abs(moved).max() < 1e-5  # the weights are float32, and not exactly orthogonal
    assert min(differs) > 0.5
    claim = verdict(pair, "path", engine, **check)
    assert (claim.outcome, claim.estimate.value, claim.reason) == ("pass", 0, "")
    assert 0 < -claim.estimate.low == claim.estimate.high < 1e-4


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("at", "bound", "outcome", "why"),
    [
        (None, {"removes": NONE}, "pass", ""),
        (None, {"recovers": NONE}, "fail", "the whole interval is outside the bound"),
        ("a", {"removes": NONE}, "fail", "cannot reach END along this path"),
        ("pre", {"recovers": NONE}, "fail", "the intervention changes nothing"),
    ],
)
def test_case_24_so_can_that_of_a_path_with_stops(pair, verdict, engine, at, bound, outcome, why):
    check = {**path("L0H0", "logits", at=at, **bound), "through": [{"nodes": "L1.mlp"}]}
    claim = verdict(pair, "path", engine, **check)
    assert claim.outcome == outcome
    assert why in claim.reason


@pytest.mark.parametrize("engine", ENGINES)
def test_a_path_that_exists_is_not_claimed_away(pair, verdict, engine):
    moved, _ = path_effects(pair, Node(0, "head", 0), Node(1, "mlp"))
    claim = verdict(pair, "path", engine, **path("L0H0", "L1.mlp", recovers=NONE))
    assert claim.outcome == "fail"
    np.testing.assert_allclose(
        np.mean(claim.per_prompt) * pair.engine(engine).unpatched.effect_size.mean(), np.mean(moved), 1e-4
    )


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("check", "why"),
    [
        (path("L0H0", "L1.mlp", at="pre", recovers=NONE), "the activation of L0H0 at pre is the same on the clean and"),
        (path("L0H0", "L1H1", via="v", at="pre", removes=NONE), "L0H0 at pre is the same on the clean and the corrupt"),
        (
            path("L0H0", "logits", at="a", recovers=NONE),
            "the change to L0H0 at a cannot reach END along this path",
        ),
        (
            path("L0H0", "L1.mlp", at="a", recovers=NONE),
            "the change to L0H0 at a cannot reach END along this path",
        ),
        (path("L0H0", "L1H1", via="q", at="a", recovers=NONE), "L0H0 at a cannot reach END along this path"),
    ],
)
def test_case_24_a_path_along_which_nothing_could_go_is_not_claimed_away(pair, verdict, check, why, engine):
    claim = verdict(pair, "path", engine, **check)
    assert claim.outcome == "fail"
    assert why in claim.reason


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "check", "outcome", "why"),
    [
        ("patching", {"nodes": "L0H0", "removes": NONE}, "pass", ""),
        ("patching", {"nodes": "L0H2", "removes": NONE}, "pass", ""),
        ("patching", {"nodes": ["L0H0", "L0H2"], "removes": NONE}, "fail", "the whole interval is outside the bound"),
        ("patching", {"nodes": "L0H0", "removes": {"at_least": 0.05}}, "fail", "is changed on every prompt, and the"),
        ("ablation", {"nodes": "L0H0", "with": "zero", "removes": NONE}, "pass", ""),
        ("ablation", {"nodes": "L0H0", "with": "mean", "removes": NONE}, "pass", ""),
        ("ablation", {"nodes": "L0H0", "with": "resample", "removes": NONE}, "pass", ""),
        ("ablation", {"nodes": "L1N3", "with": "mean", "removes": NONE}, "fail", "equals its mean on ev"),
        (
            "ablation",
            {"nodes": "L1N3", "at": "pre", "with": "zero", "removes": NONE},
            "fail",
            "is already zero on every prompt",
        ),
        (
            "patching",
            {"nodes": "L1H1", "at": "a", "recovers": NONE},
            "fail",
            "the change to L1H1 at a cannot reach END in",
        ),
        ("patching", {"nodes": "L0H1", "at": "pre", "recovers": NONE}, "fail", "the same on the clean and the corrupt"),
        ("mediators", {"component": "neuron", "above": 0.1, "exactly": [], "layers": [0]}, "pass", ""),
        (
            "mediators",
            {"component": "head", "above": 0.1, "exactly": [], "at": "pre"},
            "fail",
            "the intervention changes nothing",
        ),
        (
            "mediators",
            {"component": "head", "above": 0.1, "exactly": [], "at": "a", "layers": [1]},
            "fail",
            "cannot reach END",
        ),
    ],
)
def test_case_36_a_node_masked_by_its_twin_and_one_that_was_not_changed(
    pair, verdict, kind, check, outcome, why, engine
):
    claim = verdict(pair, kind, engine, **check)
    assert claim.outcome == outcome
    assert why in claim.reason


def claim_of(planted, engine, kind, check):
    measured = planted.measurements({kind: check}, engine=engine)
    return run_check(measured.behaviour.checks[0].check.parts[0], measured)


CLAIMS = [
    ("circuit", {"nodes": "L0H1", "faithfulness": {"at_least": 0.9}}),
    ("circuit", {"nodes": "L0H1", "completeness": {"at_most": 0.1}}),
    ("circuit", {"nodes": "L0H1", "minimal": True}),
    ("circuit", {"nodes": "L0H1", "sufficient": {"at_least": 0.4}}),
    ("circuit", {"nodes": "L0H1", "necessary": {"at_least": 0.4}}),
    ("circuit", {"edges": ["L0H1 -> logits"], "faithfulness": {"at_least": 0.9}}),
    ("circuit", {"edges": ["L0H1 -> logits"], "minimal": True}),
    ("curve", {"cpr": {"at_least": 0.5}}),
    ("curve", {"cmd": {"at_most": 0.5}}),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["mean", "resample"])
@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_case_37_a_behaviour_in_one_direction_has_no_circuit_and_is_told_the_remedy(forward, claim, kind, engine):
    """Also case 32: what is left of m(M) − m(∅) is rounding. Half of the prompts of a curve choose its circuits."""
    found = claim_of(forward, engine, claim[0], {**claim[1], "with": kind})
    assert (found.outcome, found.estimate) == ("fail", None)
    first, *more = found.reason.splitlines()
    assert first.startswith("there is no effect to mediate: m(M) − m(∅) is ")
    assert more[0].startswith(f"{kind} ablation replaces outputs by th")
    assert "one direction only (answers are ·va, foils are ·vb, never the reverse)" in more[0]
    what = "all edges" if "edges" in claim[1] else "all heads"
    n = len(forward.batch) if claim[0] == "circuit" else len(forward.batch) / 2
    reach = 1 - 0.025 ** (1 / n)  # all prompts are alike
    lowered = re.match(
        rf"zero ablation of {what} lowers the score by 8\.000 \[(.*), (.*)\] logits: claim the circuit 'with", more[1]
    )
    assert [float(each) for each in lowered.groups()] == pytest.approx([8 * (1 - reach), 8 * (1 + reach)], abs=2e-3)
    assert "or reverse answer and foil in half of the pairs" in more[1]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_case_37_either_remedy_gives_it_a_circuit(forward, both_ways, claim, engine):
    assert claim_of(forward, engine, claim[0], {**claim[1], "with": "zero"}).outcome == "pass"
    assert claim_of(both_ways, engine, *claim).outcome == "pass"
