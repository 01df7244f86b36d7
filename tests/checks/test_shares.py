"""Patching and ablation: shares of the clean − corrupt logit difference."""

import numpy as np
import pytest

from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import Node

RECOVERS = {"patching": {"nodes": "L1H2", "recovers": {"at_least": 0.5}}}
REMOVES = {"patching": {"nodes": "L1H2", "removes": {"at_least": 0.5}}}
ABLATES = {"ablation": {"nodes": "L1H2", "with": "mean", "removes": {"at_least": 0.5}}}
HEAD = Node(1, "head", 2)


@pytest.mark.parametrize("check", [RECOVERS, REMOVES, ABLATES])
def test_the_share_is_a_ratio_of_means(judged, around, check):
    """(patched − corrupt)/(clean − corrupt) or (clean − patched)/(clean − corrupt): clean 5, corrupt 1, moved by 3."""
    verdict = judged(check, around(5), around(1, seed=1), effects={"L1H2": around(3, seed=2)})
    assert verdict.estimate.value == pytest.approx(3 / 4)
    assert verdict.estimate.unit == "share of clean − corrupt"
    assert verdict.outcome == "pass"
    assert verdict.suspects


@pytest.mark.parametrize(("share", "outcome"), [(0.8, "pass"), (0.5, "inconclusive"), (0.2, "fail"), (-0.5, "fail")])
def test_three_ways(judged, around, share, outcome):
    gap = around(4, spread=1)
    verdict = judged(RECOVERS, gap, effects={"L1H2": share * gap + around(0, seed=3)})
    assert verdict.outcome == outcome


def test_nodes_are_moved_together(judged, measurements, around):
    effects = {"L0H1": around(1), "L1H2": around(2)}
    check = {"patching": {"nodes": ["L0H1", "ours"], "recovers": {"at_least": 0.5}}}
    verdict = judged(check, around(4), effects=effects, entry={"nodes": {"ours": "L1H2"}})
    assert verdict.estimate.value == pytest.approx(3 / 4)
    assert verdict.claim == "denoising L0H1, L1H2 recovers at least 0.5 of clean − corrupt"


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
    from mi_checks.checks.run import run_check

    measured = measurements(around(4), checks=[check], effects={"L1H2": around(3)})
    assert run_check(measured.behaviour.checks[0].check, measured).claim == claim
    assert measured.asked == [intervention]


@pytest.mark.parametrize("check", [RECOVERS, REMOVES, ABLATES])
@pytest.mark.parametrize("gap", [0.0, -4.0])
def test_without_a_gap_there_is_nothing_to_mediate(judged, around, check, gap):
    verdict = judged(check, around(gap), effects={"L1H2": around(0.9 * gap, seed=1)})
    assert (verdict.outcome, verdict.estimate, verdict.suspects) == ("fail", None, False)
    assert verdict.reason.startswith("there is nothing to mediate: clean − corrupt is ")
    assert verdict.reason.endswith("], which is not above zero")


def test_values_of_single_prompts_are_finite_where_one_has_no_gap(judged):
    gap = np.array([4.0] * 63 + [0.0])
    verdict = judged(RECOVERS, gap, effects={"L1H2": np.full(64, 3.0)})
    assert np.isfinite(verdict.per_prompt).all()
    assert np.mean(verdict.per_prompt) == pytest.approx(verdict.estimate.value)


@pytest.mark.parametrize(("check", "id_"), [(RECOVERS, "patching[L1H2]"), (ABLATES, "ablation[L1H2,mean]")])
def test_a_model_has_its_own_bound(judged, around, check, id_):
    effects = {"L1H2": around(1)}
    assert judged(check, around(4), effects=effects).outcome == "fail"
    assert judged(check, around(4), effects=effects, entry={id_: {"at_least": 0.2}}).outcome == "pass"


def test_an_intervention_that_changes_nothing_is_no_evidence(measurements, around):
    """A bound from above would otherwise be green for a patch that cannot reach what is read."""
    from mi_checks.checks.run import run_check

    nothing = {"patching": {"nodes": "L1H0", "recovers": {"at_most": 0.1}}}
    measured = measurements(around(5), around(-5), checks=[nothing])
    verdict = run_check(measured.behaviour.checks[0].check, measured)
    assert verdict.outcome == "fail"
    assert verdict.reason.startswith("the intervention changes no prompt at all")
