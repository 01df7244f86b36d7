"""What changed from one run to another, and how sure that is."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from mi_checks.compare.run_comparison import UNKNOWN_PARTS, compare_runs, count_states
from mi_checks.compare.run_pairs import differing_settings
from mi_checks.report import comparison_text
from mi_checks.results.claim import Claim
from mi_checks.stats.intervals import ratio_interval, ratio_parts
from mi_checks.stats.sampling import independent
from tests.effects import around, effect, evidence_of
from tests.made_results import PROVENANCE, result, run_of


def only(before, after):
    (change,) = compare_runs(run_of(before), run_of(after))
    return change


def state(before, after):
    return only(before, after).state


def diff(mean, seed=0, check="logit_diff", **given):
    return result(check, around(mean, seed=seed), **{"at_least": 2, **given})


def test_the_same_twice_is_unchanged(run):
    assert count_states(compare_runs(run, run)) == {"unchanged": 3}


def test_a_shift_far_smaller_than_the_spread_is_found_because_prompts_are_paired():
    before, after = around(5), around(5) - 0.1 + around(0, 0.1, seed=1)
    change = only(result("logit_diff", before, at_least=2), result("logit_diff", after, at_least=2))
    assert change.state == "drifted"
    assert change.p_value < 0.001
    assert change.estimate.low < -0.1 < change.estimate.high
    assert change.estimate.high - change.estimate.low < 0.06


def test_noise_is_no_change_of_a_mean():
    raised = [compare_runs(run_of(diff(5)), run_of(diff(5, seed=seed)))[0].p_value < 0.05 for seed in range(1, 200)]
    assert sum(raised) == 0  # their means are exactly equal
    generator = np.random.default_rng(0)
    twice = [
        [run_of(result("logit_diff", generator.normal(5, 1, 64), at_least=2)) for _ in range(2)] for _ in range(400)
    ]
    drifted = sum(compare_runs(*runs)[0].p_value < 0.05 for runs in twice)
    # 5 % of 400 is 20, and more than 34 is less likely than 1 in 400; the test may err less often than it says.
    assert 0 < drifted <= 34


@pytest.mark.parametrize(
    ("bound", "up", "down"),
    [
        ({"at_least": 2}, "improved", "drifted"),
        ({"at_least": None, "at_most": 9}, "drifted", "improved"),
        ({"at_least": 2, "at_most": 9}, "drifted", "drifted"),
        ({"kind": "absent", "outcome": "pass"}, "drifted", "improved"),
    ],
)
def test_what_is_better_is_said_by_the_claim(bound, up, down):
    low, high = diff(4, **bound), diff(5, seed=1, **bound)
    assert (state(low, high), state(high, low)) == (up, down)


def test_what_held_and_no_longer_does_has_drifted_however_little_it_moved():
    passes, falls = diff(2.3), diff(2.2)
    change = only(passes, falls)
    assert (passes.outcome, falls.outcome, change.state) == ("pass", "inconclusive", "drifted")
    assert change.notes == ("pass → inconclusive",)
    assert state(falls, passes) == "improved"


def test_a_bound_that_was_raised_is_said():
    change = only(diff(3), diff(3, at_least=4))
    assert (change.state, change.estimate.value) == ("drifted", 0)
    assert change.notes == ("pass → fail", "bound: at least 2 → at least 4")


def test_what_is_smaller_than_the_margin_is_no_change_however_significant():
    assert only(diff(5), result("logit_diff", around(5) * 1.00001, at_least=2)).notes == ()
    small = only(diff(5), result("logit_diff", around(5) * 1.001, at_least=2))
    assert (small.state, small.change.direction) == ("unchanged", "unchanged")
    assert small.notes == ("differs by more than rounding, but by less than the 0.05 logits that count",)
    assert state(diff(5), result("logit_diff", around(5) * 1.02, at_least=2)) == "improved"


def test_other_prompts_are_invalid_and_never_a_difference():
    change = only(diff(5), diff(1, prompts_sha256="others"))
    assert (change.state, change.estimate, change.p_value) == ("invalid", None, None)
    assert change.notes == ("measured on other prompts, or with another tokenizer",)


def test_another_quantity_is_invalid():
    change = only(diff(5), diff(5, unit="nats"))
    assert (change.state, change.notes) == ("invalid", ("another quantity: logits → nats",))


def test_an_error_is_a_drift_with_its_reason():
    broken = result("logit_diff", None, outcome="error", message="no such node\n  claimed", at_least=2)
    change = only(diff(5), broken)
    assert (change.state, change.notes) == ("drifted", ("pass → error", "no such node"))
    assert state(broken, diff(5)) == "improved"
    assert state(broken, broken) == "unchanged"


def test_a_role_that_moves_has_drifted_without_a_number():
    bound = result("role[induction]", None)
    change = only(bound, replace(bound, outcome="fail", message="the role has moved: L1H1 → L1H2"))
    assert (change.state, change.p_value) == ("drifted", None)
    assert change.notes == ("pass → fail", "the role has moved: L1H1 → L1H2")


def test_another_deciding_node_is_said_and_another_side_is_not_subtracted():
    one = diff(5, deciding="L1H1")
    assert only(one, replace(one, deciding="L0H3")).notes == ("deciding: L1H1 → L0H3",)
    other = diff(1, at_least=None, at_most=2, deciding="L0H3")
    change = only(one, other)
    assert (change.state, change.estimate) == ("inconclusive", None)


def test_without_values_per_prompt_the_intervals_decide():
    before, near, far = (replace(diff(mean), per_prompt=()) for mean in (5, 5.2, 6))
    assert (state(before, near), state(before, far)) == ("inconclusive", "improved")
    assert only(before, far).estimate.method == "of two intervals"


def test_an_estimate_without_width_that_moves_is_sure():
    exact = replace(diff(5).estimate, value=5.0, low=5.0, high=5.0)
    before = replace(diff(5), per_prompt=(), estimate=exact)
    assert state(before, replace(before, estimate=replace(exact, value=4.0, low=4.0, high=4.0))) == "drifted"
    assert state(before, before) == "unchanged"


def test_what_is_in_one_run_only_and_what_was_skipped():
    checks = [diff(5, check=name) for name in ("a", "b", "c")]
    skipped = replace(checks[1], outcome="skipped")
    found = compare_runs(run_of(*checks[:2]), run_of(checks[0], skipped, checks[2]))
    assert [(change.pair.either.check, change.state) for change in found] == [
        ("b", "only before"),
        ("c", "only after"),
        ("a", "unchanged"),
    ]


def test_models_pair_by_name_or_where_each_run_has_one():
    low, high = diff(3, model="nano-attn-1l"), diff(5, seed=1)
    assert only(low, high).state == "improved"
    found = compare_runs(run_of(low, high), run_of(high))
    assert {change.pair.either.model: change.state for change in found} == {
        "nano-attn-1l": "only before",
        "nano-attn-2l": "unchanged",
    }


def test_where_two_models_share_no_check_the_effect_is_compared(run):
    lacks = result("absent", around(0, seed=1), model="nano-attn-1l", at_least=2, outcome="pass")
    shown = replace(run.evidence[0], effect=effect("nano-attn-1l", around(0, seed=1), declared="absent"))
    has = replace(run, results=run.results[:2])
    (drifted, *rest) = compare_runs(has, run_of(lacks, evidence=[shown]))
    assert (drifted.pair.either.check, drifted.state) == ("effect", "drifted")
    assert drifted.estimate.value == pytest.approx(-3)
    assert count_states(rest) == {"only before": 2, "only after": 1}


def test_the_correction_is_over_all_comparisons():
    before, after = diff(5), result("logit_diff", around(5) + around(0.0675, 0.05, seed=3), at_least=2)
    assert only(before, after).state == "improved"
    others = [diff(5, check=f"c{i}") for i in range(20)]
    (found,) = [
        c for c in compare_runs(run_of(before, *others), run_of(after, *others)) if c.pair.either.check == "logit_diff"
    ]
    assert found.state == "inconclusive"
    assert found.p_value == pytest.approx(21 * only(before, after).p_value)


def test_the_surest_and_then_the_largest_come_first():
    before = [diff(5, check=name) for name in "abcd"]
    after = [
        result("a", around(5) + around(-0.5, 0.1, seed=1), at_least=2),
        result("b", around(5) + around(-2, 0.1, seed=1), at_least=2),
        result("c", around(5) + around(-2.5, 8, seed=1), at_least=2),
        result("d", around(5) + around(2, 0.1, seed=1), at_least=2),
    ]
    found = compare_runs(run_of(*before), run_of(*after))
    assert [(c.pair.either.check, c.state) for c in found] == [
        ("b", "drifted"),
        ("a", "drifted"),
        ("c", "drifted"),
        ("d", "improved"),
    ]
    assert found[2].size > found[1].size


def test_what_the_runs_have_otherwise():
    before = run_of(diff(5))
    changed = {"nano-attn-2l": {**PROVENANCE, "weights_sha256": "b" * 64, "revision": "checkpoint 500", "step": "500"}}
    after = run_of(diff(5), diff(5, check="other"), models=changed, settings={"dtype": "bfloat16"})
    assert differing_settings(before, after) == (
        ("nano-attn-2l weights_sha256", "a" * 12, "b" * 12),
        ("nano-attn-2l revision", "none", "checkpoint 500"),
        ("dtype", "float32", "bfloat16"),
    )
    assert differing_settings(before, run_of(diff(5, model="nano-attn-1l"))) == (
        ("model", "nano-attn-2l", "nano-attn-1l"),
    )


def test_a_verdict_about_a_base_changes_by_its_outcome_alone():
    """Its numbers are differences from another model: to come nearer is no drift."""
    far, near = (result("base", around(mean), at_least=-1, at_most=1) for mean in (-3, 0))
    assert (state(far, near), state(near, far)) == ("improved", "drifted")
    assert only(far, near).p_value is None


SPREAD = around(0, 0.2)  # over prompts, almost the same then and now, so that a paired change stands out
LATER = SPREAD + around(0, 0.005, seed=1)


def fraction(numerator, denominator, *, of="clean − corrupt", **given):
    """A check whose value is a ratio of means, as engines' differences per prompt give it."""
    part, whole = (np.asarray(values, dtype=float) for values in (numerator, denominator))
    design = independent(len(part))
    measured = result(
        "path[L1H1->logits]", part / whole.mean(), unit=f"fraction of {of}", **{"at_least": 0.05, **given}
    )
    return replace(
        measured, estimate=ratio_interval(part, whole, design, of), parts=ratio_parts(part, whole, "logits", design, of)
    )


def with_effects(measured, sizes):
    """A run of it, whose evidence holds the effect sizes."""
    found = evidence_of(effect("nano-attn-2l", around(5)), effect_sizes=tuple(map(float, sizes)))
    return run_of(measured, evidence=[found])


def moved(before, after, **given):
    """The change of a fraction from one (numerator, denominator) to another."""
    (change,) = compare_runs(*(with_effects(fraction(*parts, **given), parts[1]) for parts in (before, after)))
    return change


def test_case_26_the_deciding_node_is_not_read_out_of_a_sentence():
    one = diff(
        5,
        claim=Claim("minimality", nodes=("L0H1", "L1H2"), at_least=0.05),
        detail="Holm over 2 nodes; redundant, each mattering once the other is out: L0H4 with L1H3 (deciding: none)",
        deciding="L0H4",
    )
    assert only(one, replace(one, deciding="L1H3")).notes == ("deciding: L0H4 → L1H3",)


def test_case_27_a_fraction_that_rose_because_the_effect_shrank_has_not_improved():
    """As on a model with a zeroed head: the path moves what it moved, and is a larger part of what is left."""
    change = moved((0.5 + SPREAD, 3.8 + SPREAD), (0.5 + LATER, 0.94 + LATER))
    assert change.pair.after.estimate.value > 4 * change.pair.before.estimate.value
    assert change.state == "drifted"
    assert change.notes[-1] == (
        "numerator 0.500 → 0.500 logits (did not change significantly); denominator, clean − corrupt, 3.800 → 0.940 "
        "logits (fell): the fraction moved only because clean − corrupt shrank"
    )


@pytest.mark.parametrize(
    ("before", "after", "state", "because"),
    [
        ((0.5, 3.8), (1.5, 3.8), "improved", ""),
        ((0.5, 3.8), (1.5, 1.9), "improved", ""),
        ((0.5, 3.8), (0.51, 0.94), "drifted", "the fraction moved mainly because clean − corrupt shrank"),
        (
            (0.5, 3.8),
            (0.4, 0.94),
            "drifted",
            "the fraction moved against its numerator, because clean − corrupt shrank",
        ),
        ((0.5, 3.8), (0.5, 7.6), "drifted", "the fraction moved only because clean − corrupt grew"),
        ((0.5, 3.8), (0.2, 3.8), "drifted", ""),
    ],
)
def test_case_27_which_part_moved(before, after, state, because):
    (part, whole), (later_part, later_whole) = before, after
    change = moved((part + SPREAD, whole + SPREAD), (later_part + LATER, later_whole + LATER))
    assert change.state == state
    assert change.notes[-1].startswith(f"numerator {before[0]:.3f} → {after[0]:.3f} logits (")
    assert change.notes[-1].partition("logits (")[2].partition("): ")[2].endswith(because)
    assert ("because" in change.notes[-1]) is bool(because)


def test_case_27_a_fraction_held_from_above_that_fell_with_a_larger_effect_has_improved():
    change = moved((0.5 + SPREAD, 3.8 + SPREAD), (0.5 + LATER, 7.6 + LATER), at_least=None, at_most=0.9)
    assert change.state == "improved"


def test_case_27_of_circuits_the_parts_are_tested_by_their_intervals():
    change = moved((0.5 + SPREAD, 3.8 + SPREAD), (0.5 + LATER, 0.94 + LATER), of="m(M) − m(∅)")
    assert change.state == "drifted"
    assert change.notes[-1].endswith("the fraction moved only because m(M) − m(∅) shrank")


def test_case_27_without_both_parts_no_gain_is_claimed():
    before, after = fraction(0.5 + SPREAD, 3.8 + SPREAD), fraction(0.5 + SPREAD, 0.94 + SPREAD)
    change = only(replace(before, parts=None), after)
    assert (change.state, change.notes) == ("drifted", (UNKNOWN_PARTS,))


def test_case_27_the_parts_are_data():
    change = moved((0.5 + SPREAD, 3.8 + SPREAD), (0.5 + LATER, 0.94 + LATER))
    document = json.loads(comparison_text.json_document([("a", run_of()), ("b", run_of())], [change], []))
    parts = document["changes"][0]["parts"]
    assert (parts["denominator"]["then"]["value"], parts["denominator"]["direction"]) == (pytest.approx(3.8), "fell")


def test_case_28_single_prompts_that_move_are_a_drift_though_the_mean_stays():
    """A paired t-test finds nothing in noise of mean zero; the prompts and the model are the same, and it is not."""
    before = result("logit_diff", around(5, 3), at_least=2)
    noised = result("logit_diff", around(5, 3) + around(0, 1.7, seed=1), at_least=2)
    change = only(before, noised)
    assert change.p_value > 0.5
    assert change.state == "drifted"
    assert re.fullmatch(
        r"prompts differ by 1\.\d{3} logits \(root mean square; margin 0\.\d{3}; correlation 0\.8\d\d\)",
        change.notes[-1],
    )
    assert state(before, replace(noised, model="nano-attn-4l")) == "inconclusive"  # other models' prompts always differ
    weights = {"nano-attn-2l": {**PROVENANCE, "weights_sha256": "b" * 64}}  # those of a fine-tune often do
    (change,) = compare_runs(run_of(before), run_of(noised, models=weights))
    assert change.state == "prompts moved"


def test_case_28_prompts_that_turn_both_ways_are_a_drift_and_a_tie_is_none():
    passed = np.repeat([1.0, 0.0], 32)
    one, many = passed.copy(), passed.copy()
    one[0] = 0
    many[[0, 1, 40, 41]] = 1 - many[[0, 1, 40, 41]]
    before, tie, turned = (
        result("accuracy", values, at_least=0.3, unit="fraction of prompts") for values in (passed, one, many)
    )
    assert state(before, tie) == "unchanged"
    assert only(before, turned).notes == ("4 of 64 prompts have another outcome",)
