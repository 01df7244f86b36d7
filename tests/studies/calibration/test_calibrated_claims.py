"""What is calibrated is what is claimed: every kind of check, with the bounds of the shipped behaviours."""

from pathlib import Path

import pytest

from mi_checks.spec.behaviour import CHECK_KINDS
from mi_checks.spec.check import Bound
from mi_checks.spec.load_file import load_behaviour
from mi_checks.studies.calibration import calibrated_claims
from mi_checks.studies.calibration.calibrated_claims import RANDOM
from mi_checks.studies.calibration.calibration_inputs import N_POSITIONS
from mi_checks.studies.calibration.nulls import SHIPPED_ROLES

BEHAVIOURS = Path(__file__).parents[2].parent / "behaviours"
WITHOUT = calibrated_claims.null_claims(N_POSITIONS)


@pytest.mark.parametrize("found", [(*WITHOUT, *calibrated_claims.weight_claims()), calibrated_claims.true_claims()])
def test_every_kind_of_check_is_among_them(found):
    assert {claim.check.kind for claim in found} == {check.kind for check in CHECK_KINDS}


def test_bounds_are_those_of_the_shipped_induction():
    shipped = {entry.check.id: entry.check for entry in load_behaviour(BEHAVIOURS / "induction.yaml").behaviour.checks}
    mine = {claim.check.id: claim for claim in WITHOUT if claim.title != "mediators[head] include"}
    common = set(shipped) & set(mine)
    assert len(common) >= 6
    for name in common - {"mediators[head]"}:
        assert mine[name].shipped == shipped[name].bound, name
    assert mine["mediators[head]"].check.above == shipped["mediators[head]"].above


def test_every_claim_has_a_null_value_but_those_of_which_no_one_value_is_that():
    without = {claim.title.rpartition(",")[2] for claim in WITHOUT if claim.null is None}
    assert without == {"sufficient]", "necessary]"}
    assert [claim.null is None for claim in calibrated_claims.weight_claims()] == [
        False,
        True,
    ]  # of what is written there is none


def test_roles_are_those_of_the_shipped_circuit():
    assert load_behaviour(BEHAVIOURS / "induction_circuit.yaml").behaviour.role_checks == SHIPPED_ROLES


def test_the_null_of_attention_is_one_position_of_all():
    attention = [claim for claim in WITHOUT if claim.check.kind == "attention"]
    assert {(claim.check.from_, claim.check.to, claim.null.at_least) for claim in attention} == {
        ("A2", RANDOM, 1 / N_POSITIONS)
    }


def test_kinds_can_be_chosen():
    assert {claim.check.kind for claim in calibrated_claims.null_claims(N_POSITIONS, ["path", "curve"])} == {
        "path",
        "curve",
    }
    assert calibrated_claims.random_circuit_claims(["path"]) == ()


@pytest.mark.parametrize("claim", WITHOUT, ids=lambda claim: claim.title)
def test_a_claim_is_held_to_another_bound(claim):
    held = claim.with_bound(Bound(at_least=0.25))
    assert held.id == claim.check.id
    assert (held.above if claim.check.kind == "mediators" else held.bound.at_least) == 0.25
