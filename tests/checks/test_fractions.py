"""Patching and ablation: fractions of the clean − corrupt logit difference."""

import numpy as np
import pytest

from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import Node
from mi_checks.output.claim_text import claim_text

RECOVERS = {"patching": {"nodes": "L1H2", "recovers": {"at_least": 0.5}}}
REMOVES = {"patching": {"nodes": "L1H2", "removes": {"at_least": 0.5}}}
ABLATES = {"ablation": {"nodes": "L1H2", "with": "mean", "removes": {"at_least": 0.5}}}
HEAD = Node(1, "head", 2)


@pytest.mark.parametrize("check", [RECOVERS, REMOVES, ABLATES])
def test_the_share_is_a_ratio_of_means(judged, around, check):
    """(patched − corrupt)/(clean − corrupt) or (clean − patched)/(clean − corrupt): clean 5, corrupt 1, moved by 3."""
    verdict = judged(check, around(5), around(1, seed=1), effects={"L1H2": around(3, seed=2)})
    assert verdict.estimate.value == pytest.approx(3 / 4)
    assert verdict.estimate.unit == "fraction of clean − corrupt"
    assert verdict.outcome == "pass"
    assert verdict.show_other_mediators


@pytest.mark.parametrize(("fraction", "outcome"), [(0.8, "pass"), (0.5, "inconclusive"), (0.2, "fail"), (-0.5, "fail")])
def test_three_ways(judged, around, fraction, outcome):
    effect_size = around(4, spread=1)
    verdict = judged(RECOVERS, effect_size, effects={"L1H2": fraction * effect_size + around(0, seed=3)})
    assert verdict.outcome == outcome


def test_nodes_are_moved_together(judged, measurements, around):
    effects = {"L0H1": around(1), "L1H2": around(2)}
    check = {"patching": {"nodes": ["L0H1", "ours"], "recovers": {"at_least": 0.5}}}
    verdict = judged(check, around(4), effects=effects, entry={"nodes": {"ours": "L1H2"}})
    assert verdict.estimate.value == pytest.approx(3 / 4)
    assert claim_text(verdict.claim) == "denoising L0H1, L1H2 recovers at least 0.5 of clean − corrupt"


@pytest.mark.parametrize(
    ("check", "intervention", "claim"),
    [
        (RECOVERS, denoise(HEAD), "denoising L1H2 recovers at least 0.5 of clean − corrupt"),
        (REMOVES, noise(HEAD), "noising L1H2 removes at least 0.5 of clean − corrupt"),
        (ABLATES, ablate(HEAD, kind="mean"), "mean-ablating L1H2 removes at least 0.5 of clean − corrupt"),
        (
            {"ablation": {"nodes": "L1H2", "with": "zero", "at": "B", "removes": {"at_most": 0.5}}},
            ablate(HEAD, kind="zero", at="B"),
            "zero-ablating L1H2 at B removes at most 0.5 of clean − corrupt",
        ),
        (
            {"patching": {"nodes": "L1H2", "at": "A", "recovers": {"at_least": 0.1, "at_most": 0.9}}},
            denoise(HEAD, at="A"),
            "denoising L1H2 at A recovers at least 0.1 and at most 0.9 of clean − corrupt",
        ),
    ],
)
def test_what_is_asked_of_the_engine(measurements, around, check, intervention, claim):
    from mi_checks.checks.dispatch import run_check

    measured = measurements(around(4), checks=[check], effects={"L1H2": around(3)})
    assert claim_text(run_check(measured.behaviour.checks[0].check, measured).claim) == claim
    assert measured.asked == [intervention]


@pytest.mark.parametrize("check", [RECOVERS, REMOVES, ABLATES])
@pytest.mark.parametrize("effect_size", [0.0, -4.0])
def test_without_an_effect_size_there_is_nothing_to_mediate(judged, around, check, effect_size):
    verdict = judged(check, around(effect_size), effects={"L1H2": around(0.9 * effect_size, seed=1)})
    assert (verdict.outcome, verdict.estimate, verdict.show_other_mediators) == ("fail", None, False)
    assert verdict.reason.startswith("there is no effect to mediate: clean − corrupt is ")
    assert verdict.reason.endswith("], which is not above zero")


def test_values_of_single_prompts_are_finite_where_one_has_no_effect_size(judged, around):
    effect_size = np.array([*around(4)[:63], 0.0])
    verdict = judged(RECOVERS, effect_size, effects={"L1H2": around(3, seed=1)})
    assert np.isfinite(verdict.per_prompt).all()
    assert np.mean(verdict.per_prompt) == pytest.approx(verdict.estimate.value)


@pytest.mark.parametrize(("check", "id_"), [(RECOVERS, "patching[L1H2]"), (ABLATES, "ablation[L1H2,mean]")])
def test_a_model_has_its_own_bound(judged, around, check, id_):
    effects = {"L1H2": around(1)}
    assert judged(check, around(4), effects=effects).outcome == "fail"
    assert judged(check, around(4), effects=effects, entry={id_: {"at_least": 0.2}}).outcome == "pass"


AT_MOST = [
    {"patching": {"nodes": "L1H0", "recovers": {"at_most": 0.1}}},
    {"patching": {"nodes": "L1H0", "removes": {"at_most": 0.1}}},
    {"ablation": {"nodes": "L1H0", "with": "mean", "removes": {"at_most": 0.1}}},
    {"path": {"from": "L0H0", "to": "logits", "recovers": {"at_most": 0.1}}},
    {"path": {"from": "L0H0", "to": "L1H1", "via": "k", "removes": {"at_least": -0.1, "at_most": 0.1}}},
]


@pytest.mark.parametrize("check", AT_MOST)
@pytest.mark.parametrize("changed", [1, [1] + [0] * 63])
def test_case_24_an_effect_of_zero_meets_a_bound_from_above(judged, around, check, changed):
    """Something is changed, at least on one prompt, and could have reached END."""
    verdict = judged(check, around(5), around(-5, seed=1), changes=(changed, changed))
    assert (verdict.outcome, verdict.p_value, verdict.estimate.value, verdict.estimate.high) == ("pass", 0, 0, 0)


@pytest.mark.parametrize("check", AT_MOST)
def test_case_24_where_nothing_is_changed_no_bound_is_met(judged, around, check):
    verdict = judged(check, around(5), around(-5, seed=1), changes=(0, 0))
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("the intervention changes nothing, so it tests nothing: the activation of L")
    assert not verdict.show_other_mediators


@pytest.mark.parametrize("check", AT_MOST)
def test_case_24_where_end_cannot_see_the_change_no_bound_is_met(judged, around, check):
    verdict = judged(check, around(5), around(-5, seed=1), changes=(1, 0))
    assert verdict.outcome == "fail"
    assert "cannot reach END" in verdict.reason
    assert ("along this path" in verdict.reason) == ("path" in check)


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("zero", "is already zero on every prompt"),
        ("mean", "equals its mean on every prompt"),
        ("resample", "equals that of the other prompt on every prompt"),
    ],
)
def test_case_36_the_reason_is_that_of_the_ablation(judged, around, kind, why):
    check = {"ablation": {"nodes": ["L1H0", "L1H2"], "at": "A", "with": kind, "removes": {"at_most": 0.1}}}
    reason = judged(check, around(5), changes=(0, 0)).reason
    assert f"the activation of L1H0, L1H2 at A {why}" in reason


def test_case_36_a_claim_from_below_fails_on_zero_for_what_was_measured(judged, around):
    verdict = judged(RECOVERS, around(5), around(-5, seed=1), changes=([1] * 60 + [0] * 4,) * 2)
    assert (verdict.outcome, verdict.show_other_mediators) == ("fail", True)
    assert verdict.reason == (
        "the effect is zero: the activation of L1H2 is changed on 60 of 64 prompts, and the change moves no score by "
        "more than rounding"
    )


@pytest.mark.parametrize("moved", [0.0, 1e-7, -1e-7])
def test_case_32_a_share_within_rounding_is_zero(judged, around, moved):
    """On one engine 0, on the other 1e-7 either way: the same verdict, and no bound near zero is met by rounding."""
    effects = {"L1H2": np.full(64, moved)}

    def outcome(**bound):
        check = {"patching": {"nodes": "L1H2", "recovers": bound}}
        verdict = judged(check, around(5), effects=effects, rounding=1e-5)
        assert verdict.estimate.value == 0
        return verdict.outcome

    assert outcome(at_least=1e-9) == "fail"
    assert outcome(at_most=-1e-9) == "fail"
    assert outcome(at_least=0.0) == "fail"
    assert outcome(at_most=0.0) == "pass"
    assert outcome(at_least=0.0, at_most=0.1) == "pass"


@pytest.mark.parametrize(("beyond", "outcome"), [(1, "inconclusive"), (5, "fail")])
def test_case_32_one_prompt_beyond_rounding_is_a_measurement(judged, around, beyond, outcome):
    """It is not zero; but fewer than five that differ from all others are too few for an interval."""
    moved = np.where(np.arange(64) < beyond, 1e-3, 1e-7)
    verdict = judged(RECOVERS, around(5), effects={"L1H2": moved}, rounding=1e-5)
    assert verdict.estimate.value == pytest.approx(moved.mean() / 5)
    assert verdict.outcome == outcome
    if outcome == "fail":
        assert verdict.reason == "the whole interval is outside the bound"
    else:
        assert "almost all prompts have the same value (only 1 of the prompts differ)" in verdict.reason
