"""Which models are put beside each other."""

import pytest

from mi_checks.compare.neighbouring import order, steps
from mi_checks.models.load_model import load
from mi_checks.models.names import bundled, resolve
from mi_checks.results.evidence import Architecture


def models(*names):
    """`attn2`: attention-only, two layers, six heads."""
    kinds = {"attn": "attention-only"}
    return {name: Architecture(kinds.get(name[:-1], name[:-1]), int(name[-1]), 6) for name in names}


def pairs(found):
    return [f"{step.before} {step.after}" for step in steps(found)]


def test_one_layer_more_of_the_same_kind_then_another_kind_of_the_same_depth():
    found = models("solu2", "attn1", "gelu2", "attn2")
    assert pairs(found) == ["attn1 attn2", "attn2 gelu2", "attn2 solu2", "gelu2 solu2"]


def test_two_layers_more_are_no_neighbour():
    assert pairs(models("gelu1", "gelu3")) == []


def test_another_number_of_heads_is_another_family():
    assert (
        steps({"a": Architecture("gelu", 1, 6), "b": Architecture("gelu", 2, 8), "c": Architecture("solu", 2, 6)}) == ()
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
    assert [step.change for step in steps(found)] == ["gelu, 1 → 2 layers", "1 layer, attention-only → gelu"]


@pytest.mark.parametrize("name", [name for name in bundled() if name.endswith("-1l")])
def test_the_kind_is_read_off_the_model_and_not_its_name(name):
    loaded_model = load(name)
    assert loaded_model.kind == {"attn": "attention-only"}.get(name.split("-")[1], name.split("-")[1])
    assert (
        (loaded_model.shape.d_mlp is None)
        == (resolve(name).shape.d_mlp is None)
        == (loaded_model.kind == "attention-only")
    )
