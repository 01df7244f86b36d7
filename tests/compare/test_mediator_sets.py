"""Where other heads mediate from one run to another."""

from dataclasses import replace

import pytest

from mi_checks.compare.mediator_sets import mediator_changes
from mi_checks.results.evidence import Architecture, Evidence
from mi_checks.stats.estimate import Refusal
from tests.baseline_numbers import mediator
from tests.effects import around, effect
from tests.made_results import result, run_of

THEN = (mediator("L0H3", 0.9), mediator("L1H2", 0.6), mediator("L1H5", 0.0))
NOW = (mediator("L0H3", 0.8), mediator("L1H2", 0.01), mediator("L1H5", 0.5))


def shown(*mediators, model="nano-attn-2l", behaviour="induction", **given):
    """What a run shows of a behaviour whose strongest heads are these."""
    of = effect(model, around(3), behaviour, **given)
    return Evidence(
        behaviour=behaviour, model=model, summary="", source="", declared="present", yaml="", yaml_path="", n=64,
        logit_diff=of.estimate, effect=of, examples=(), heatmaps=(), mediators=mediators,
    )  # fmt: skip


def run(*evidence):
    return run_of(*(result("logit_diff", around(3), model=each.model) for each in evidence), evidence=evidence)


def test_a_set_that_changed_is_a_difference_of_sets_with_shares():
    (change,) = mediator_changes(run(shown(*THEN)), run(shown(*NOW)))
    assert (change.behaviour, change.heads.with_signs) == ("induction", ("−L1H2", "+L1H5"))
    assert [share.value for share in change.heads.lost["L1H2"]] == [0.6, 0.01]
    assert change.size == pytest.approx(0.59)


def test_shares_that_shift_are_none():
    assert mediator_changes(run(shown(*THEN)), run(shown(mediator("L0H3", 0.7), mediator("L1H2", 0.3)))) == ()


def test_the_largest_comes_first():
    small = [shown(*each, behaviour="trigram") for each in ((mediator("L0H1", 0.2),), (mediator("L0H1", 0.05),))]
    found = mediator_changes(run(small[0], shown(*THEN)), run(small[1], shown(*NOW)))
    assert [change.behaviour for change in found] == ["induction", "trigram"]


def test_on_other_prompts_or_without_sweeps_nothing_is_said():
    assert mediator_changes(run(shown(*THEN)), run(shown(*NOW, prompts="others"))) == ()
    assert mediator_changes(run(shown(*THEN)), run(shown())) == ()


def test_across_two_models_only_where_they_are_of_one_kind_and_size():
    fine_tune = shown(*NOW, model="my-attn-2l")
    (change,) = mediator_changes(run(shown(*THEN)), run(fine_tune))
    assert (change.before, change.after) == ("nano-attn-2l", "my-attn-2l")
    wider = replace(fine_tune, effect=replace(fine_tune.effect, architecture=Architecture("attention-only", 2, 8)))
    assert mediator_changes(run(shown(*THEN)), run(wider)) == ()
    assert mediator_changes(run(shown(*THEN)), run(shown(*NOW, model="nano-gelu-2l"))) == ()


def test_a_head_without_an_interval_neither_mediates_nor_has_left():
    refused = Refusal("few prompts", 7, 8)
    few = replace(NOW[1], estimate=replace(NOW[1].estimate, low=0.01, high=0.01, refusal=refused))
    assert mediator_changes(run(shown(*THEN)), run(shown(NOW[0], few, THEN[2]))) == ()
    listed = replace(THEN[1], estimate=replace(THEN[1].estimate, low=0.6, high=0.6, refusal=refused))
    assert mediator_changes(run(shown(THEN[0], listed)), run(shown(NOW[0], NOW[1]))) == ()
