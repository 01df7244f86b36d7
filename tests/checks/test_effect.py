"""What a behaviour's effect is, and what the checks of its preference make of it."""

from types import SimpleNamespace

import numpy as np
import pytest

from mi_checks.checks.effect import effect

CORRUPT = {"logit_diff": {"against": "corrupt", "at_least": 0.1}}


@pytest.fixture
def measured_effect(measurements, around):
    def measured_effect(clean, corrupt=0.0, *, spread=0.1, **given):
        measured = measurements(around(clean, spread), around(corrupt, spread, seed=1), **given)
        measured.loaded_model.kind = "gelu"
        measured.loaded_model.provenance = SimpleNamespace(step=given.get("step", ""))
        return effect(measured)

    return measured_effect


def test_it_is_the_clean_logit_difference(measured_effect):
    found = measured_effect(2.5, 1.0)
    assert found.against == "foils"
    assert found.estimate.value == pytest.approx(2.5)
    assert (found.architecture.kind, found.architecture.n_layers, found.architecture.n_heads) == ("gelu", 2, 3)


def test_or_by_how_much_that_exceeds_the_corrupt_one(measured_effect):
    """As in prose_agreement, where is is always likelier than are, and plural nouns make it less so."""
    found = measured_effect(-1.6, -2.1, checks=[CORRUPT])
    assert found.against == "corrupt"
    assert found.estimate.value == pytest.approx(0.5)
    assert np.mean(found.per_prompt) == pytest.approx(0.5)
    assert (found.ability, found.outcome) == ("can", "pass")


def test_the_first_of_several_counts(measured_effect):
    checks = [{"accuracy": {"at_least": 0.9}}, CORRUPT, {"logit_diff": {"at_least": 0}}]
    assert measured_effect(3, 1, checks=checks).estimate.value == pytest.approx(2)


def test_without_a_logit_diff_it_is_as_the_accuracy_says(measured_effect):
    checks = [{"accuracy": {"against": "corrupt", "at_least": 0.9}}]
    assert measured_effect(3, 1, checks=checks).estimate.value == pytest.approx(2)
    checks = [{"accuracy": {"against": "vocabulary", "at_least": 0.9}}]
    assert measured_effect(3, 1, checks=checks).estimate.value == pytest.approx(3)


def test_without_a_check_of_the_preference_nothing_is_read_off(measured_effect):
    found = measured_effect(3, checks=[{"patching": {"nodes": "L1H2", "recovers": {"at_least": 0.5}}}])
    assert found.estimate.value == pytest.approx(3)
    assert (found.preferences, found.ability, found.outcome) == ((), "inconclusive", "skipped")


@pytest.mark.parametrize(
    ("clean", "entry", "ability", "outcome"),
    [
        (5.0, {}, "can", "pass"),
        (-5.0, {}, "cannot", "fail"),
        (-5.0, "absent", "cannot", "pass"),
        (5.0, "absent", "can", "fail"),
        (1.0, {}, "in part", "fail"),
        (1.0, "absent", "in part", "fail"),
        (2.0, {}, "inconclusive", "inconclusive"),
        (1.0, {"logit_diff": {"at_least": 0.5}}, "can", "pass"),
    ],
)
def test_can_and_cannot(measured_effect, clean, entry, ability, outcome):
    checks = [{"logit_diff": {"at_least": 2}}, {"accuracy": {"at_least": 0.9}}]
    found = measured_effect(clean, checks=checks, entry=entry)
    assert (found.ability, found.outcome) == (ability, outcome)
    assert found.declared == ("absent" if entry == "absent" else "present")


def test_the_bounds_are_those_of_the_model(measured_effect):
    found = measured_effect(1.0, entry={"logit_diff": {"at_least": 0.5}})
    assert [(p.check, p.at_least) for p in found.preferences] == [("logit_diff", 0.5)]


def test_case_32_an_effect_of_rounding_is_none(measured_effect):
    """What compares models and checkpoints reads zero, so that no behaviour appears at a checkpoint by rounding."""
    assert set(measured_effect(2.4e-7, spread=0, rounding=1e-5).per_prompt) == {0.0}
    assert measured_effect(1e-3, spread=0, rounding=1e-5).estimate.value == pytest.approx(1e-3)
