"""If the effect size is no more than rounding, no check of a fraction of it passes."""

import numpy as np
import pytest

ROUNDING = 1e-5
TINY = 2.4e-7  # logits: what mean ablation moved on a compiled program
_NOISE = np.random.default_rng(5).normal(0, 0.01, 64)
VARIED = 1 + _NOISE - _NOISE.mean()  # one on average, and a per cent different from prompt to prompt
CIRCUIT = ["L0H1", "L1H2"]
ASPECTS = [
    {"faithfulness": {"at_least": 0.5}},
    {"faithfulness": {"at_most": 2}},
    {"completeness": {"at_most": 0.2}},
    {"minimal": True},
    {"sufficient": {"at_least": 0.5}},
    {"necessary": {"at_least": 0.5}},
]
CURVES = [{"cpr": {"at_least": 0.5}}, {"cmd": {"at_most": 0.5}}]
SHARES = [
    {"patching": {"nodes": "L1H2", "recovers": {"at_least": 0.5}}},
    {"patching": {"nodes": "L1H2", "removes": {"at_most": 2}}},
    {"ablation": {"nodes": "L1H2", "with": "zero", "removes": {"at_least": 0.5}}},
    {"path": {"from": "L1H2", "to": "logits", "recovers": {"at_least": 0.5}}},
    {"mediators": {"component": "head", "above": 0.5, "exactly": ["L1H2"]}},
]


def tiny(nodes):
    """Each member takes away its part of what is no more than rounding, and nothing else takes any."""
    return TINY * (0.6 * ("L0H1" in nodes) * VARIED + 0.4 * ("L1H2" in nodes) * VARIED[::-1])


@pytest.mark.parametrize("aspect", ASPECTS, ids=str)
@pytest.mark.parametrize("kind", ["mean", "resample"])
@pytest.mark.parametrize("among", ["heads", "heads_and_mlps"])
def test_case_32_no_circuit_of_what_rounding_makes(judged, around, aspect, kind, among):
    check = {"circuit": {"nodes": CIRCUIT, "with": kind, "among": among, **aspect}}
    verdict = judged(check, around(5), removes=tiny, rounding=ROUNDING)
    assert (verdict.outcome, verdict.estimate) == ("fail", None)
    first = verdict.reason.splitlines()[0]
    assert first == (
        "there is no effect to mediate: m(M) − m(∅) is 2.4e-07 logits [2.4e-07, 2.4e-07], which is not above zero: "
        "rounding alone can produce differences of 1.0e-05 logits with logits this large"
    )


@pytest.mark.parametrize("aspect", CURVES, ids=str)
def test_case_32_no_curve_of_what_rounding_makes(judged, around, aspect):
    verdict = judged({"curve": aspect}, around(5), removes=tiny, rounding=ROUNDING)
    assert (verdict.outcome, verdict.estimate) == ("fail", None)
    assert "rounding alone can produce" in verdict.reason


@pytest.mark.parametrize("aspect", [*ASPECTS, *CURVES], ids=str)
def test_what_is_above_the_floor_is_measured(judged, around, aspect):
    """Of the same shape, and a thousand times as large.

    Areas differ from prompt to prompt by no more than rounding, so that 64 are needed: half of the prompts of a curve.
    """
    kind, nodes, n = ("curve", {}, 128) if aspect in CURVES else ("circuit", {"nodes": CIRCUIT}, 64)
    effects = {"L0H1": around(0.6e-3, spread=1e-5, n=n), "L1H2": around(0.4e-3, spread=1e-5, seed=1, n=n)}
    removes = None if aspect in CURVES else lambda nodes: 1e3 * tiny(nodes)
    clean = around(5, n=n)
    verdict = judged({kind: {**nodes, **aspect}}, clean, effects=effects, removes=removes, rounding=ROUNDING)
    assert verdict.outcome == "pass"


@pytest.mark.parametrize("check", SHARES, ids=str)
def test_case_32_no_share_of_an_effect_size_that_rounding_makes(judged, check):
    """Clean and corrupt differ by nearly the same tiny amount on every prompt, so that the interval has no width."""
    effects = {"L1H2": TINY * VARIED}
    verdict = judged(check, TINY * VARIED, effects=effects, rounding=ROUNDING)
    assert (verdict.outcome, verdict.estimate) == ("fail", None)
    assert "clean − corrupt is 2.4e-07 logits" in verdict.reason
    assert "rounding alone can produce differences of 1.0e-05 logits" in verdict.reason
    assert judged(check, 1e-3 * VARIED, effects={"L1H2": 0.9e-3 * VARIED[::-1]}, rounding=ROUNDING).estimate


@pytest.mark.parametrize("aspect", ["sufficient", "necessary"])
def test_case_32_a_rival_behind_by_rounding_is_not_behind(judged, around, aspect):
    """The score hangs on L0H0 alone, which is in no circuit here: the rest are ahead of each other by nothing."""

    def removes(nodes):
        return 3.0 * ("L0H0" in nodes) - TINY * len(nodes & {"L1H2"}) * (1 if aspect == "sufficient" else -1)

    verdict = judged(
        {"circuit": {"nodes": ["L1H2"], aspect: {"at_least": 0.5}}},
        around(5),
        removes=lambda nodes: removes(nodes) * VARIED,
        rounding=ROUNDING,
    )
    assert (verdict.outcome, verdict.estimate.value) == ("fail", 0)


def test_case_32_a_node_that_matters_by_rounding_is_not_needed(judged, around):
    def removes(nodes):
        return VARIED * (3.0 * ("L0H1" in nodes) + TINY * ("L1H2" in nodes))

    check = {"circuit": {"nodes": CIRCUIT, "minimal": {"at_least": 1e-9}}}
    verdict = judged(check, around(5), removes=removes, rounding=ROUNDING)
    assert (verdict.outcome, verdict.reason) == ("fail", "not needed: L1H2")


@pytest.mark.parametrize("values", [0.0, TINY, -TINY])
def test_zero_is_no_preference(judged, values):
    """The answer and the foils score alike: neither "at least 0" nor anything above it is so."""
    for against, clean in (("foils", np.full(64, values)), ("corrupt", np.full(64, values))):
        verdict = judged({"logit_diff": {"at_least": 0, "against": against}}, clean, rounding=ROUNDING)
        assert verdict.outcome == "fail"
        assert verdict.reason.endswith("equal scores on every prompt, apart from rounding: the difference is zero")
        assert judged({"logit_diff": {"at_most": 0, "against": against}}, clean, rounding=ROUNDING).outcome == "pass"
        both = {"logit_diff": {"at_least": -0.5, "at_most": 0.5, "against": against}}
        assert judged(both, clean, rounding=ROUNDING).outcome == "pass"


def test_a_tie_is_no_win(judged):
    check = {"accuracy": {"at_least": 0.5, "against": "corrupt"}}
    assert judged(check, np.full(64, TINY), rounding=ROUNDING).estimate.value == 0
    assert judged(check, np.full(64, 1e-3), rounding=ROUNDING).estimate.value == 1


@pytest.mark.parametrize("kind", ["mean", "zero"])
def test_case_37_zero_ablation_is_a_remedy_only_where_it_takes_something_away(judged, around, kind):
    check = {"circuit": {"nodes": CIRCUIT, "with": kind, "faithfulness": {"at_least": 0.5}}}
    lines = judged(check, around(5), rounding=ROUNDING).reason.splitlines()
    assert lines[0].startswith("there is no effect to mediate: m(M) − m(∅) is 0.000 logits")
    why = "zero ablation of all heads does not lower the score either (0.000 [0.000, 0.000] logits)"
    assert lines[1:] == ([why] if kind == "mean" else [])
