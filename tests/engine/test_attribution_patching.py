"""Attribution patching is exact for linear models, and close to the exact sweep for nearly linear ones."""

import dataclasses

import numpy as np
import pytest

from mi_checks.engine.attribution_patching import AttributionPatching
from mi_checks.engine.choose_engine import choose_engine
from mi_checks.engine.interventions import denoise
from mi_checks.engine.nodes import Node, all_nodes
from mi_checks.errors import MiChecksError
from tests.engine.cases import native, prompts
from tests.engine.test_by_labels import UNALIGNED, batch_of

COMPONENTS = ("head", "q", "k", "v", "neuron")


def exact(engine, component, at=None):
    nodes = all_nodes(component, engine.loaded_model.shape)
    return engine.scores([denoise(node, at=at) for node in nodes]) - engine.unpatched.corrupt.logit_diff


@pytest.mark.parametrize("engine", ["replay", "reference"])
@pytest.mark.parametrize("at", [None, "END"])
def test_is_exact_if_only_the_logits_are_downstream(engine, at):
    """Without norms the last layer's neurons go linearly to the logits."""
    measured = choose_engine(engine, native("no norm"), prompts(count=5, seed=3))
    found, expected = measured.measure(AttributionPatching("neuron", at)), exact(measured, "neuron", at)
    last = slice(expected.shape[0] // 2, None)
    np.testing.assert_allclose(found[last], expected[last], rtol=2e-5, atol=1e-4)  # float32, through two engines
    assert np.abs(expected[last]).max() > 0.01
    assert np.abs(found[: last.start] - expected[: last.start]).max() > 0.01  # before it, an approximation


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("model", ["nano-attn-2l", "nano-gelu-2l"])
def test_is_close_to_the_exact_sweep_on_trained_models(model, component, engine_of, replaying):
    engine = replaying(engine_of(model))
    if component == "neuron" and engine.loaded_model.shape.d_mlp is None:
        pytest.skip("an attention-only model has no neurons")
    found, expected = (
        sweep.mean(1) for sweep in (engine.measure(AttributionPatching(component)), exact(engine, component))
    )
    assert np.corrcoef(found, expected)[0, 1] > (0.85 if model == "nano-gelu-2l" else 0.5)
    strongest = np.argsort(-np.abs(expected))[:3]
    assert set(strongest) <= set(np.argsort(-np.abs(found))[: max(7, len(found) // 10)])


def test_a_node_before_an_attention_pattern_may_have_the_wrong_sign(engine_of, replaying):
    """The previous-token head is an example, so the approximation only ranks nodes by size."""
    engine = replaying(engine_of("nano-attn-2l"))
    (place,) = (i for i, node in enumerate(all_nodes("head", engine.loaded_model.shape)) if node == Node(0, "head", 5))
    assert exact(engine, "head")[place].mean() > 3
    assert engine.measure(AttributionPatching("head"))[place].mean() < -1


@pytest.mark.parametrize("component", COMPONENTS)
@pytest.mark.parametrize("score", ["first_token", "log_probability"])
def test_is_exact_for_small_differences(component, score):
    """Clean and corrupt embeddings brought together: the error falls with the square of the difference."""
    errors = []
    for nearness in (0.02, 0.01):
        loaded_model = native("gelu")
        table = loaded_model.bridge.state_dict()["embed.weight"]
        table.copy_(table.mean(0) + nearness * (table - table.mean(0)))
        batch = dataclasses.replace(prompts(count=4, seed=3), score=score)
        engine = choose_engine("auto", loaded_model, batch)
        found, expected = engine.measure(AttributionPatching(component)), exact(engine, component)
        errors.append(np.abs(found - expected).max() / np.abs(expected).max())
    assert errors[1] < 0.7 * errors[0]
    assert errors[1] < 0.1


@pytest.mark.parametrize("architecture", ["attention only", "llama", "soft caps"])
def test_both_engines_agree(architecture):
    loaded_model, batch = native(architecture), prompts(count=4, seed=3)
    for component in ("head", "q", "k", "v"):
        by_replay, by_hooks = (
            choose_engine(name, loaded_model, batch).measure(AttributionPatching(component))
            for name in ("replay", "reference")
        )
        np.testing.assert_allclose(by_replay, by_hooks, atol=1e-4)
        assert by_replay.shape == (len(all_nodes(component, loaded_model.shape)), 4)


def test_a_model_without_neurons_has_no_estimates():
    engine = choose_engine("auto", native("attention only"), prompts(count=4, seed=3))
    assert engine.measure(AttributionPatching("neuron")).shape == (0, 4)


def test_prompts_of_different_lengths_need_a_label():
    engine = choose_engine("auto", native("gelu"), batch_of())
    found, expected = engine.measure(AttributionPatching("head", "END")), exact(engine, "head", "END")
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.5
    with pytest.raises(MiChecksError) as error:
        engine.measure(AttributionPatching("head"))
    assert str(error.value) == f"gelu: all positions {UNALIGNED}"
