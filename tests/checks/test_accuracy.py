import numpy as np
import pytest
from scipy.stats import binomtest

from mi_checks.output.claim_text import claim_text

WINS = np.array([True] * 60 + [False] * 4)


def test_against_the_foils(judged):
    verdict = judged({"accuracy": {"at_least": 0.8}}, np.where(WINS, 1.0, -1.0), beats=WINS)
    estimate = verdict.estimate
    assert (verdict.outcome, estimate.value) == ("pass", 60 / 64)
    assert (estimate.low, estimate.high) == pytest.approx(tuple(binomtest(60, 64).proportion_ci(0.95)), abs=1e-4)
    assert claim_text(verdict.claim) == "the answer scores above every foil on at least 0.8 of the prompts"


def test_against_the_vocabulary(judged):
    few = np.arange(64) < 8
    verdict = judged({"accuracy": {"at_least": 0.8, "against": "vocabulary"}}, np.ones(64), beats=WINS, top=few)
    assert (verdict.outcome, verdict.estimate.value) == ("fail", 8 / 64)


def test_against_the_corrupt_prompt(judged):
    """The answer may be behind on both prompts, and still be nearer on the clean one."""
    verdict = judged(
        {"accuracy": {"at_least": 0.8, "against": "corrupt"}}, np.full(64, -1.0), np.where(WINS, -2.0, 0.0)
    )
    assert (verdict.outcome, verdict.estimate.value) == ("pass", 60 / 64)


@pytest.mark.parametrize(("bound", "outcome"), [(0.8, "pass"), (0.9, "inconclusive"), (0.99, "fail")])
def test_three_ways(judged, bound, outcome):
    assert judged({"accuracy": {"at_least": bound}}, np.ones(64), beats=WINS).outcome == outcome


def test_all_of_four_prompts_prove_little(judged):
    assert judged({"accuracy": {"at_least": 0.9}}, np.ones(4)).outcome == "inconclusive"


def test_a_model_has_its_own_bound(judged):
    entry = {"accuracy": {"at_least": 0.8}}
    assert judged({"accuracy": {"at_least": 0.99}}, np.ones(64), beats=WINS, entry=entry).outcome == "pass"
