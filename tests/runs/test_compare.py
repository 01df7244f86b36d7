"""What changed from one run to another, and how sure that is."""

from dataclasses import replace

import numpy as np
import pytest

from mi_checks.runs.about import otherwise
from mi_checks.runs.compare import compare, counts
from tests.effects import around, effect
from tests.results import PROVENANCE, result, run_of


def only(before, after):
    (change,) = compare(run_of(before), run_of(after))
    return change


def state(before, after):
    return only(before, after).state


def diff(mean, seed=0, check="logit_diff", **given):
    return result(check, around(mean, seed=seed), **{"at_least": 2, **given})


def test_the_same_twice_is_unchanged(run):
    assert counts(compare(run, run)) == {"unchanged": 3}


def test_a_shift_far_smaller_than_the_spread_is_found_because_prompts_are_paired():
    before, after = around(5), around(5) - 0.05 + around(0, 0.1, seed=1)
    change = only(result("logit_diff", before, at_least=2), result("logit_diff", after, at_least=2))
    assert change.state == "drifted"
    assert change.p_value < 0.001
    assert change.estimate.low < -0.05 < change.estimate.high
    assert change.estimate.high - change.estimate.low < 0.06


def test_noise_is_no_change():
    raised = [compare(run_of(diff(5)), run_of(diff(5, seed=seed)))[0].p_value < 0.05 for seed in range(1, 200)]
    assert sum(raised) == 0  # their means are exactly equal
    generator = np.random.default_rng(0)
    twice = [
        [run_of(result("logit_diff", generator.normal(5, 1, 64), at_least=2)) for _ in range(2)] for _ in range(400)
    ]
    drifted = sum(compare(*runs)[0].state != "unchanged" for runs in twice)
    assert 8 <= drifted <= 34  # 5 % of 400 is 20; beyond is less likely than 1 in 400


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


def test_rounding_is_no_change_however_sure():
    assert state(diff(5), result("logit_diff", around(5) * 1.00001, at_least=2)) == "unchanged"
    assert state(diff(5), result("logit_diff", around(5) * 1.001, at_least=2)) == "improved"


def test_other_prompts_are_invalid_and_never_a_difference():
    change = only(diff(5), diff(1, prompts_sha256="others"))
    assert (change.state, change.estimate, change.p_value) == ("invalid", None, None)
    assert change.notes == ("measured on other prompts, or under another tokenizer",)


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
    one = diff(5, claim="exactly L1H1 (deciding: L1H1)")
    assert only(one, replace(one, claim="exactly L1H1 (deciding: L0H3)")).notes == ("deciding: L1H1 → L0H3",)
    other = diff(1, at_least=None, at_most=2, claim="exactly L1H1 (deciding: L0H3)")
    change = only(one, other)
    assert (change.state, change.estimate) == ("unchanged", None)


def test_without_values_per_prompt_the_intervals_decide():
    before, near, far = (replace(diff(mean), per_prompt=()) for mean in (5, 5.2, 6))
    assert (state(before, near), state(before, far)) == ("unchanged", "improved")
    assert only(before, far).estimate.method == "of two intervals"


def test_an_estimate_without_width_that_moves_is_sure():
    exact = replace(diff(5).estimate, value=5.0, low=5.0, high=5.0)
    before = replace(diff(5), per_prompt=(), estimate=exact)
    assert state(before, replace(before, estimate=replace(exact, value=4.0, low=4.0, high=4.0))) == "drifted"
    assert state(before, before) == "unchanged"


def test_what_is_in_one_run_only_and_what_was_skipped():
    checks = [diff(5, check=name) for name in ("a", "b", "c")]
    skipped = replace(checks[1], outcome="skipped")
    found = compare(run_of(*checks[:2]), run_of(checks[0], skipped, checks[2]))
    assert [(change.pair.either.check, change.state) for change in found] == [
        ("b", "only before"),
        ("c", "only after"),
        ("a", "unchanged"),
    ]


def test_models_pair_by_name_or_where_each_run_has_one():
    low, high = diff(3, model="nano-attn-1l"), diff(5, seed=1)
    assert only(low, high).state == "improved"
    found = compare(run_of(low, high), run_of(high))
    assert {change.pair.either.model: change.state for change in found} == {
        "nano-attn-1l": "only before",
        "nano-attn-2l": "unchanged",
    }


def test_where_two_models_share_no_check_the_effect_is_compared(run):
    lacks = result("absent", around(0), model="nano-attn-1l", at_least=2, outcome="pass")
    shown = replace(run.evidence[0], effect=effect("nano-attn-1l", around(0), declared="absent"))
    has = replace(run, results=run.results[:2])
    (drifted, *rest) = compare(has, run_of(lacks, evidence=[shown]))
    assert (drifted.pair.either.check, drifted.state) == ("effect", "drifted")
    assert drifted.estimate.value == pytest.approx(-3)
    assert counts(rest) == {"only before": 2, "only after": 1}


def test_the_correction_is_over_all_comparisons():
    before, after = diff(5), result("logit_diff", around(5) + around(0.3, 1.1, seed=3), at_least=2)
    assert only(before, after).state == "improved"
    others = [diff(5, check=f"c{i}") for i in range(20)]
    (found,) = [
        c for c in compare(run_of(before, *others), run_of(after, *others)) if c.pair.either.check == "logit_diff"
    ]
    assert found.state == "unchanged"
    assert found.p_value == pytest.approx(21 * only(before, after).p_value)


def test_the_surest_and_then_the_largest_come_first():
    before = [diff(5, check=name) for name in "abcd"]
    after = [
        diff(4.5, check="a"),
        diff(3, check="b"),
        result("c", around(5) + around(-2.5, 8, seed=1), at_least=2),
        diff(7, check="d"),
    ]
    found = compare(run_of(*before), run_of(*after))
    assert [(c.pair.either.check, c.state) for c in found] == [
        ("b", "drifted"),
        ("a", "drifted"),
        ("c", "drifted"),
        ("d", "improved"),
    ]
    assert found[2].size > found[1].size


def test_what_the_runs_have_otherwise():
    before = run_of(diff(5))
    changed = {"nano-attn-2l": {**PROVENANCE, "weights_sha256": "b" * 64, "revision": "checkpoint 500"}}
    after = run_of(diff(5), diff(5, check="other"), models=changed, settings={"dtype": "bfloat16"})
    assert otherwise(before, after) == (
        ("nano-attn-2l weights_sha256", "a" * 12, "b" * 12),
        ("nano-attn-2l revision", "none", "checkpoint 500"),
        ("dtype", "float32", "bfloat16"),
    )
    assert otherwise(before, run_of(diff(5, model="nano-attn-1l"))) == (("model", "nano-attn-2l", "nano-attn-1l"),)


def test_a_verdict_about_a_base_changes_by_its_outcome_alone():
    """Its numbers are differences from another model: to come nearer is no drift."""
    far, near = (result("base", around(mean), at_least=-1, at_most=1) for mean in (-3, 0))
    assert (state(far, near), state(near, far)) == ("improved", "drifted")
    assert only(far, near).p_value is None
