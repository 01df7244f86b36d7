"""The comparison finds nothing where nothing is, and what was planted."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from mi_checks.compare.baseline_drift import compare_with_baseline, drift_message, mismatch_message, refusal_message
from mi_checks.compare.baseline_record import (
    BaselineHeader,
    environment_differences,
    reason_not_comparable,
    recorded_check,
)
from mi_checks.compare.margins import MIN_CHANGE
from mi_checks.results.claim import Claim
from mi_checks.stats.estimate import Refusal
from mi_checks.stats.intervals import ratio_interval, ratio_intervals
from mi_checks.stats.mean_tests import mean_beyond_p_value
from mi_checks.stats.sampling import independent
from tests.baseline_numbers import HEADER, NOISE, evidence, made, mediator, result, unmeasured, with_values
from tests.effects import mirrored, simulated_p_value


def moved(mean, spread=0.01, **given):
    """The check with another mean, and prompts that do not all change by the same."""
    then = result(**given)
    return with_values(then, np.array(then.per_prompt) + mean - 2 + spread * (NOISE - NOISE.mean())[::-1])


def against(then, *results, mediators=(), effect_sizes=()):
    now = evidence(mediators=mediators, effect_sizes=effect_sizes)
    return compare_with_baseline(then, {each.check: each for each in results}, now)


def test_the_same_again_is_no_drift():
    found = against(made(result()), result())
    assert not found.drifted
    assert not found.mismatches
    assert found.compared == 1


@pytest.mark.parametrize("mean", [1.9, 2.1])
def test_a_change_either_way_is_found_though_the_intervals_overlap(mean):
    """The prompts are the same: a change of a tenth stands out of a spread of one."""
    (drift,) = against(made(result()), moved(mean)).drifts
    assert drift.p_value < 1e-6
    assert drift.better is (mean > 2)


def test_at_most_turns_what_is_better():
    (drift,) = against(made(result(at_most=3.0)), moved(1.5, at_most=3.0)).drifts
    assert drift.better


def test_what_is_smaller_than_matters_is_none_however_sure():
    assert not against(made(result()), moved(2 + 0.99 * 2 * MIN_CHANGE)).drifted
    assert against(made(result()), moved(2 + 1.1 * 2 * MIN_CHANGE)).drifted


def test_chance_alone_drifts_about_as_often_as_it_says():
    draw = np.random.default_rng(1)
    then = result()
    drifted = 0
    for _ in range(400):
        values = np.array(then.per_prompt) + draw.normal(size=256)
        found = against(made(then), with_values(then, values)).drifts
        drifted += any(drift.p_value is not None for drift in found)  # single prompts have moved, and that is said
    assert drifted <= 0.05 * 400 + 3 * np.sqrt(0.05 * 0.95 * 400)


def test_holm_over_the_checks():
    """A p-value of 0.02 is one among ten."""
    change = mirrored(0, n=256)
    shift = stats.t.isf(0.006, 255) * change.std(ddof=1) / 16
    now = with_values(result("moved"), np.add(result().per_prompt, change + shift + 2 * MIN_CHANGE))
    others = [result(f"other{i}") for i in range(9)]
    alone = against(made(result("moved")), now)
    assert alone.drifts[0].p_value == pytest.approx(simulated_p_value(change + shift), rel=0.15)
    found = against(made(result("moved"), *others), now, *others)
    assert [drift.p_value for drift in found.drifts] == [None]  # its single prompts have moved, its mean has not


def test_the_largest_of_the_surest_comes_first():
    names = ("a", "b", "c")
    then = made(*map(result, names))
    found = against(then, result("a"), moved(1.8, name="b"), moved(1.0, name="c"))
    assert [drift.check for drift in found.drifts] == ["c", "b"]


def test_values_of_another_deciding_node_are_not_paired():
    then = made(result(deciding="L0H1"))
    assert not against(then, result(mean=2.1, deciding="L0H2")).drifted
    (drift,) = against(then, result(mean=2.5, deciding="L0H2")).drifts
    assert drift.change.evidence == "independent"
    assert drift.p_value == pytest.approx(2 * stats.norm.sf(0.48 / (np.sqrt(2) * 0.125 / 1.96)), rel=1e-3)


def test_without_values_for_each_prompt_the_intervals_are_tested():
    """As `mi-checks compare` does; that the intervals overlap does not make them equal."""
    then = made(result(per_prompt=False))
    assert not against(then, result(mean=2.19, per_prompt=False)).drifted
    assert against(then, result(mean=2.21, per_prompt=False)).drifted


def test_what_can_no_longer_be_measured_drifted():
    (drift,) = against(made(result()), unmeasured()).drifts
    assert drift.better is None
    assert "logit_diff 2.000 [1.875, 2.125] → — logits, it can no longer be measured" in drift_message(
        against(made(result()), unmeasured()), HEADER, HEADER, "x.json"
    )
    assert not against(made(unmeasured()), unmeasured()).drifted


def test_bounds_and_the_deciding_node_are_no_part_of_the_claim():
    found = recorded_check(result(deciding="L0H1"))
    assert (found.claim, found.deciding) == (Claim("logit difference", against="foils", score="first_token"), "L0H1")


@pytest.mark.parametrize(
    ("claim", "found"),
    [
        (
            Claim("fraction recovered", nodes=("L1H2", "L1H1"), method="denoising", at_least=1),
            Claim("fraction recovered", nodes=("L1H1", "L1H2"), method="denoising"),
        ),
        (
            Claim("composition score", path=(("L0H3", "L0H1"), ("L1H0.k",)), at_most=2),
            Claim("composition score", path=(("L0H1", "L0H3"), ("L1H0.k",))),
        ),
        (
            Claim("absence", denied=(Claim("accuracy", against="foils", at_least=0.5),)),
            Claim("absence", denied=(Claim("accuracy", against="foils"),)),
        ),
    ],
)
def test_a_claim_is_kept_without_its_bound_and_its_order(claim, found):
    check = recorded_check(replace(result("x", deciding="L1H0.k"), claim=claim))
    assert (check.claim, check.deciding) == (found, "L1H0.k")


def test_checks_that_were_added_or_taken_out_or_claim_another_thing():
    other = replace(result("b"), claim=Claim("attention probability", nodes=("L0H1",), at="A", to="B"))
    found = against(made(result("a"), result("b")), other, result("c"))
    assert found.mismatches == {
        "c": "not recorded yet",
        "a": "recorded, but no longer a check of the file",
        "b": "recorded for another claim: the mean logit difference is …",
    }
    assert mismatch_message(found.mismatches, "x.json").splitlines()[0] == (
        "invalid: x.json was recorded for a different set of checks: c, and 2 more; "
        "if this is intended, run pytest --mi-update to record it again"
    )


def test_a_mediator_that_left_and_one_that_came():
    then = made(result(), mediators=(mediator("L0H0", 0.6), mediator("L0H1", 0.3), mediator("L0H2", 0.0)))
    now = (mediator("L0H0", 0.59), mediator("L0H2", 0.3), mediator("L0H1", 0.0))
    found = against(then, result(), mediators=now)
    assert (list(found.mediators.lost), list(found.mediators.gained)) == (["L0H1"], ["L0H2"])
    message = drift_message(found, HEADER, replace(HEADER, weights="4" * 64, revision="7"), "x.json")
    assert message.splitlines()[:6] == [
        "drifted: mediators −L0H1, +L0H2",
        "  recorded  x.json",
        "  compared  over 256 prompts",
        "  weights   111111111111 → 444444444444 (7)",
        "  lost      L0H1 0.300 [0.280, 0.320] → 0.000 [−0.020, 0.020]",
        "  gained    L0H2 0.000 [−0.020, 0.020] → 0.300 [0.280, 0.320]",
    ]


def test_a_mediator_that_is_not_listed_any_more():
    then = made(result(), mediators=(mediator("L0H0", 0.6), mediator("L0H1", 0.3)))
    assert list(against(then, result(), mediators=(mediator("L0H0", 0.6), mediator("L0H2", 0.05))).mediators.lost) == [
        "L0H1"
    ]


def test_at_the_threshold_nothing_comes_and_goes():
    then = made(result(), mediators=(mediator("L0H0", 0.6), mediator("L0H1", 0.125)))
    assert not against(then, result(), mediators=(mediator("L0H0", 0.6), mediator("L0H1", 0.115))).drifted


def test_a_sweep_that_only_one_of_them_made_says_nothing():
    then = made(result(), mediators=(mediator("L0H0", 0.6, at="A2"),))
    assert not against(then, result(), mediators=(mediator("L0H1", 0.6),)).drifted


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tokenizer": "5" * 64}, "recorded with another tokenizer (222222222222, now 555555555555); if this is inte"),
        ({"prompts": "5" * 64}, "the prompts differ from the recorded ones (333333333333, now 555555555555); if this "),
        (
            {"dtype": "float16"},
            "recorded with dtype float32, and this run has float16; if this is intended, ",
        ),
        (
            {"mode": "folded"},
            "recorded with mode raw, and this run has folded; if this is intended, ",
        ),
        ({"model": "other"}, "it is of ab on m, not of ab on other; move it back to its place, or delete it; if this"),
    ],
)
def test_a_header_that_hinders(change, message):
    assert reason_not_comparable(HEADER, replace(HEADER, **change)).startswith(message)


def test_a_header_that_does_not():
    now = BaselineHeader(**{**vars(HEADER), "weights": "9" * 64, "device": "cuda", "versions": {"torch": "2.9.0"}})
    assert reason_not_comparable(HEADER, now) == ""
    assert list(environment_differences(HEADER, now)) == ["device cpu (now cuda)", "torch 2.8.0 (now 2.9.0)"]


def test_the_test_against_what_matters():
    values, design = mirrored(0.3, n=512), independent(512)
    beyond = pytest.approx(simulated_p_value(values - 0.2), rel=0.15)
    assert mean_beyond_p_value(values - 0.2, 0.0, design) == beyond
    assert mean_beyond_p_value(values, 0.2, design) == beyond
    assert mean_beyond_p_value(-values, 0.2, design) == beyond
    assert mean_beyond_p_value(values, 0.5, design) == 1.0
    assert mean_beyond_p_value(np.full(8, 0.3), 0.1, independent(8)) == 1.0  # one number on every prompt: refused


def test_ratios_at_once_are_ratios_one_by_one():
    whole, design = NOISE + 2, independent(256)
    parts = np.stack([NOISE + 1, NOISE * 0.1])
    for one, together in zip(
        (ratio_interval(part, whole, design) for part in parts), ratio_intervals(parts, whole, design), strict=True
    ):
        assert (together.value, together.low, together.high) == pytest.approx((one.value, one.low, one.high))
        assert (together.n, together.unit, together.method) == (one.n, one.unit, one.method)


def test_a_check_without_an_interval_is_not_compared_and_the_message_says_why():
    refused = replace(result().estimate, low=2.0, high=2.0, refusal=Refusal("few rows", 5, 8, "noun"))
    then, now = replace(result(), estimate=refused, per_prompt=()), result(mean=2.5, per_prompt=False)
    found = against(made(then), now)
    assert (found.drifted, list(found.refused)) == (False, ["logit_diff"])
    assert refusal_message(found, "x.json").splitlines() == [
        "inconclusive: logit_diff cannot be compared with the recorded value without an interval",
        "  recorded  x.json",
        "  untested  logit_diff: the prompts share 5 values of 'noun', too few for a claim about more of their kind; "
        "give it at least 8 and better many more, or write 'rows: fixed' if the claim is about exactly these",
    ]
    assert not against(made(then), then).refused  # the same number is the same number
