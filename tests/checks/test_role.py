"""A role against its lock: bound as before, moved, vanished, not locked yet."""

import numpy as np
import pytest

from mi_checks.checks.role import check_role
from mi_checks.output.claim_text import claim_text
from mi_checks.roles.role_binding import RoleBinding


@pytest.fixture
def judged():
    def judged(scores, locked=None, *, free=False, at_least=0.4, most=None):
        binding = RoleBinding("induction", "head", "prefix", np.array(scores), at_least, most)
        return check_role(binding, locked, "nano-x", free=free)

    return judged


BEFORE = [[0.0, 0.1, 0.2], [0.3, 0.8, 0.7]]
LOCKED = {"L1H1": 0.83, "L1H2": 0.71}


def test_bound_as_before(judged):
    verdict = judged(BEFORE, LOCKED)
    assert (verdict.outcome, verdict.reason, verdict.headline) == ("pass", "", "")
    assert claim_text(verdict.claim) == (
        "the role induction is bound to L1H1, L1H2, as in roles.lock.yaml (score prefix, at least 0.4)"
    )
    assert verdict.bound.at_least == 0.4


def test_scores_alone_may_change(judged):
    assert judged([[0.0, 0.1, 0.2], [0.3, 0.41, 1.0]], LOCKED).outcome == "pass"


def test_it_has_moved(judged):
    verdict = judged([[0.64, 0.1, 0.2], [0.3, 0.12, 0.7]], LOCKED)
    assert verdict.outcome == "fail"
    assert verdict.headline == "the role induction has moved: L1H1, L1H2 → L1H2, L0H0"
    assert verdict.reason == (
        "now bound to L1H2 0.70, L0H0 0.64\n"
        "recorded as L1H1 0.83, L1H2 0.71\n"
        "whose scores are now L1H1 0.12, L1H2 0.70\n"
        "if the move is intended, pytest --mi-update records it"
    )


def test_it_has_moved_out_of_the_model(judged):
    verdict = judged([[0.64, 0.1, 0.2]], LOCKED)
    assert "whose scores are now L1H1, L1H2 outside the model" in verdict.reason


def test_one_of_several_is_gone(judged):
    assert judged(BEFORE, {**LOCKED, "L0H0": 0.5}).headline == (
        "the role induction has moved: L1H1, L1H2, L0H0 → L1H1, L1H2"
    )


def test_it_has_vanished(judged):
    verdict = judged([[0.0, 0.1, 0.2], [0.1, 0.31, 0.3]], LOCKED)
    assert verdict.outcome == "fail"
    assert verdict.headline == (
        "no head of nano-x scores at least 0.4 as induction; the highest: L1H1 0.31, L1H2 0.30, L0H2 0.20"
    )
    assert verdict.reason == "recorded as L1H1 0.83, L1H2 0.71\nwhose scores are now L1H1 0.31, L1H2 0.30"


def test_not_locked_yet(judged):
    verdict = judged(BEFORE)
    assert verdict.outcome == "fail"
    assert verdict.headline == (
        "the role is not in roles.lock.yaml yet; it is bound to L1H1 0.80, L1H2 0.70; pytest --mi-update records it"
    )


def test_free_of_a_lock_it_passes_where_anything_scores_enough(judged):
    verdict = judged(BEFORE, free=True, most=1)
    assert verdict.outcome == "pass"
    assert claim_text(verdict.claim) == (
        "the role induction is bound to L1H1 (score prefix, at least 0.4, the 1 highest)"
    )
    assert judged(BEFORE, {"L0H0": 0.9}, free=True).outcome == "pass"  # about to be written
    assert judged(BEFORE, free=True, at_least=0.9).headline.startswith("no head of nano-x scores at least 0.9 as")
