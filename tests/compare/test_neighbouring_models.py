"""The paired test between two models: nothing is found where nothing is, and what was planted is."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from mi_checks.compare.neighbouring_models import (
    comparable,
    misses,
    neighbour_differences,
    neighbour_method,
    neighbour_steps,
    order,
)
from mi_checks.models.load_model import load
from mi_checks.models.model_names import bundled_models, resolve
from mi_checks.results.evidence import Architecture
from mi_checks.stats.mean_tests import mean_p_value
from mi_checks.stats.p_values import holm
from mi_checks.stats.sampling import independent
from tests.effects import around, effect, mirrored, simulated_p_value


def only(*effects):
    (found,) = neighbour_differences(effects)
    return found


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_the_same_model_twice_is_no_difference(values):
    found = only(effect("nano-attn-1l", values, ability="cannot"), effect("nano-attn-2l", values, ability="can"))
    assert (found.p_value, found.estimate.value, found.significant, found.turn) == (1.0, 0.0, False, "")
    assert found.observations is None


def test_a_planted_difference_is_found_although_the_prompts_differ_more():
    before = around(0.0, spread=5)
    after = before + around(2.0, spread=0.1, seed=1)  # unpaired, 2 of 5 logits on 64 prompts would be far less sure
    found = only(effect("nano-attn-1l", before, at_least=1), effect("nano-attn-2l", after, at_least=0))
    assert found.estimate.value == pytest.approx(2.0)
    assert found.estimate.low == pytest.approx(2.0, abs=0.05)
    assert found.significant
    assert found.p_value < 1e-50


def test_nothing_is_significant_among_many_models_that_differ_by_chance():
    rng = np.random.default_rng(3)
    models = [f"nano-{kind}-{n}l" for kind in ("attn", "gelu", "solu") for n in (1, 2, 3, 4)]
    effects = [effect(m, rng.normal(size=64), f"b{i}") for m in models for i in range(20)]
    found = neighbour_differences(effects)
    assert len(found) == (9 + 12) * 20
    assert sum(test.significant for test in found) == 0
    assert (
        sum(mean_p_value(np.subtract(t.after.per_prompt, t.before.per_prompt), independent(64)) < 0.05 for t in found)
        > 5
    )


def test_holm_is_over_everything_that_is_shown():
    spread = [(f"b{i}", mirrored(0.05 * i, seed=i)) for i in range(12)]
    effects = [effect("nano-gelu-1l", np.zeros(64), b) for b, _ in spread] + [
        effect("nano-gelu-2l", v, b) for b, v in spread
    ]
    found = neighbour_differences(effects)
    raw = np.array([simulated_p_value(v, draws=200_000) for _, v in spread])
    assert [test.p_value for test in found] == pytest.approx(holm(raw).tolist(), rel=0.1, abs=0.002)
    assert 0 < sum(test.significant for test in found) < len(found)
    assert "Holm over the 12 comparisons" in neighbour_method(found)


def test_the_test_says_about_what_flipping_signs_says():
    values = mirrored(0.2, seed=5, n=40)
    flipped = scipy_stats.permutation_test(
        (values, np.zeros(40)), lambda x, y, axis: np.mean(x - y, axis=axis), permutation_type="samples",
        vectorized=True, n_resamples=20_000, rng=np.random.default_rng(0),
    )  # fmt: skip
    # It is the more careful of the two, because a value smaller than the smallest may be missing from the sample.
    assert flipped.pvalue < mean_p_value(values, independent(40)) < 1.7 * flipped.pvalue
    assert 0.05 < flipped.pvalue < 0.5


@pytest.mark.parametrize(
    ("given", "same"),
    [({}, True), ({"prompts": "others"}, False), ({"against": "corrupt"}, False)],
)
def test_only_the_same_quantity_on_the_same_prompts_is_compared(given, same):
    first, second = effect("nano-attn-1l", around(0)), effect("nano-attn-2l", around(3), **given)
    assert comparable(first, second) == same
    assert len(neighbour_differences([first, second])) == same


def test_two_scores_are_not_compared():
    first, second = effect("nano-attn-1l", around(0)), effect("nano-attn-2l", around(3))
    assert not comparable(first, replace(second, estimate=replace(second.estimate, unit="nats")))


def test_a_training_checkpoint_is_nobodys_neighbour():
    effects = [effect("nano-attn-1l", around(0)), effect("nano-attn-2l@200", around(3), checkpoint="checkpoint 200")]
    assert neighbour_differences(effects) == ()


def test_cannot_turns_into_can_and_back():
    without, having = around(0), around(5, seed=1)
    assert only(effect("nano-attn-1l", without), effect("nano-attn-2l", having)).turn == "cannot → can"
    assert only(effect("nano-attn-1l", having), effect("nano-attn-2l", without)).turn == "can → cannot"
    assert only(effect("nano-attn-1l", around(2)), effect("nano-attn-2l", having)).turn == ""


def test_nothing_turns_by_two_yardsticks():
    """A model held to less is not said to do what a smaller one, that does as much, cannot."""
    weak = effect("nano-attn-1l", around(1.0, 0.1), at_least=2)
    indulged = effect("nano-attn-2l", around(1.2, 0.1, seed=1), at_least=0.5)
    found = only(weak, indulged)
    assert found.significant
    assert (found.before.ability, found.after.ability) == ("cannot", "can")
    assert not misses(weak, held_to=indulged)
    assert found.turn == ""


def test_how_many_prompts_would_tell():
    found = only(effect("nano-attn-1l", np.zeros(64)), effect("nano-attn-2l", mirrored(0.15)))
    assert not found.significant
    assert found.observations is not None
    assert 150 < found.observations < 250  # t grows with √n: 1.2 at 64, so 1.96 at about 64 · (1.96 / 1.2)² · 1.1


def models(*names):
    """`attn2`: attention-only, two layers, six heads."""
    kinds = {"attn": "attention-only"}
    return {name: Architecture(kinds.get(name[:-1], name[:-1]), int(name[-1]), 6) for name in names}


def pairs(found):
    return [f"{step.before} {step.after}" for step in neighbour_steps(found)]


def test_one_layer_more_of_the_same_kind_then_another_kind_of_the_same_depth():
    found = models("solu2", "attn1", "gelu2", "attn2")
    assert pairs(found) == ["attn1 attn2", "attn2 gelu2", "attn2 solu2", "gelu2 solu2"]


def test_two_layers_more_are_no_neighbour():
    assert pairs(models("gelu1", "gelu3")) == []


def test_another_number_of_heads_is_another_family():
    assert (
        neighbour_steps(
            {"a": Architecture("gelu", 1, 6), "b": Architecture("gelu", 2, 8), "c": Architecture("solu", 2, 6)}
        )
        == ()
    )


def test_attention_alone_stands_before_every_activation():
    kinds = ["silu", "gelu", "attention-only", "solu", "abs"]
    assert sorted(kinds, key=lambda kind: order(Architecture(kind, 1, 1))) == [
        "attention-only", "abs", "gelu", "silu", "solu",
    ]  # fmt: skip


def test_a_step_says_what_changes():
    found = {
        "a": Architecture("attention-only", 1, 6),
        "b": Architecture("gelu", 1, 6),
        "c": Architecture("gelu", 2, 6),
    }
    assert [step.change for step in neighbour_steps(found)] == ["gelu, 1 → 2 layers", "1 layer, attention-only → gelu"]


@pytest.mark.parametrize("name", [name for name in bundled_models() if name.endswith("-1l")])
def test_the_kind_is_read_off_the_model_and_not_its_name(name):
    loaded_model = load(name)
    assert loaded_model.kind == {"attn": "attention-only"}.get(name.split("-")[1], name.split("-")[1])
    assert (
        (loaded_model.shape.d_mlp is None)
        == (resolve(name).shape.d_mlp is None)
        == (loaded_model.kind == "attention-only")
    )
