"""Declared absent: passes when everything surely fails, fails when something surely holds."""

import re

import numpy as np
import pytest

from mi_checks.checks.logit_diff import absence_checks, check_absent
from mi_checks.output.claim_text import claim_text

LOGIT_DIFF = {"logit_diff": {"at_least": 2}}
ACCURACY = {"accuracy": {"at_least": 0.9}}
PATCHING = {"patching": {"nodes": "L0H0", "recovers": {"at_least": 0.5}}}
MANY, HALF = np.ones(64, dtype=bool), np.arange(64) < 32
NEARLY = np.arange(64) < 59


@pytest.mark.parametrize(
    ("mean", "wins", "outcome", "shown"),
    [
        (0, HALF, "pass", "at least 2"),  # neither is there
        (0, MANY, "fail", "at least 0.9"),  # a part of it surely is
        (4, HALF, "fail", "at least 2"),
        (4, MANY, "fail", "at least 2"),
        (2, MANY, "fail", "at least 0.9"),
        (4, NEARLY, "fail", "at least 2"),
        (2, HALF, "inconclusive", "at least 2"),
        (0, NEARLY, "inconclusive", "at least 0.9"),
        (2, NEARLY, "inconclusive", "at least 2"),
    ],
)
def test_every_case(measurements, around, mean, wins, outcome, shown):
    measured = measurements(around(mean), checks=[LOGIT_DIFF, ACCURACY, PATCHING], beats=wins)
    verdict = check_absent(measured)
    assert (verdict.outcome, str(verdict.bound)) == (outcome, shown)
    assert claim_text(verdict.claim) == (
        "the behaviour is absent: “the mean logit difference is at least 2” and “the answer scores above every foil on "
        "at least 0.9 of the prompts” are both false"
    )
    assert (
        re.split("[;:]", verdict.reason)[0]
        == {
            "pass": "",
            "fail": "the model is declared not to have the behaviour, but has it",
            "inconclusive": "the interval contains the bound",
        }[outcome]
    )
    assert len(verdict.per_prompt) == 64


def test_only_the_preference_says_whether_it_is_there(measurements, around):
    measured = measurements(around(0), checks=[LOGIT_DIFF, ACCURACY, PATCHING])
    assert [check.kind for check in absence_checks(measured.behaviour)] == ["logit_diff", "accuracy"]
    check_absent(measured)
    assert measured.asked == []


def test_a_part_of_the_behaviour_is_not_absence(measurements, around):
    """The answer leads on both prompts alike: against the foils it is there, against the corrupt prompt it is not."""
    against = {"logit_diff": {"at_least": 2, "against": "corrupt"}}
    measured = measurements(around(5), around(5, seed=1), checks=[LOGIT_DIFF, against])
    assert check_absent(measured).outcome == "fail"
