import numpy as np
import pytest
import torch

from mi_checks.engine.interventions import ablate, denoise, noise
from mi_checks.engine.nodes import Node, all_nodes, parse_node
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.errors import MiChecksError
from mi_checks.prompts.batch import PromptBatch


def test_denoising_everything_gives_the_clean_run(engine_of):
    engine = engine_of("nano-gelu-2l")
    patched = engine.scores([denoise(Node(0, "resid_pre")), noise(Node(0, "resid_pre"))])
    np.testing.assert_allclose(patched[0], engine.unpatched.clean.logit_diff, atol=1e-5)
    np.testing.assert_allclose(patched[1], engine.unpatched.corrupt.logit_diff, atol=1e-5)


def test_nodes_are_patched_together(engine_of):
    engine = engine_of("nano-attn-2l")
    every_head = all_nodes("head", engine.loaded_model.shape)
    together = engine.scores([denoise(*every_head)])[0]
    attention = engine.scores([denoise(Node(0, "attn"), Node(1, "attn"))])[0]
    np.testing.assert_allclose(together, attention, atol=1e-5)


def test_padding_changes_nothing(ragged_engine_of):
    """Prompts of different lengths in one batch measure what each would alone."""
    engine = ragged_engine_of("nano-gelu-2l")
    assert len({len(pair.clean.tokens) for pair in engine.batch.pairs}) > 1
    what = [denoise(Node(0, "head", 1)), noise(Node(0, "mlp"), at="x"), ablate(Node(1, "neuron", 3), kind="zero")]
    batched = engine.scores(what)
    for i, pair in enumerate(engine.batch.pairs):
        alone = ReferenceEngine(engine.loaded_model, PromptBatch((pair,), "mean"))
        np.testing.assert_allclose(alone.scores(what)[:, 0], batched[:, i], atol=1e-5)


def test_mean_ablation_leaves_padding_out_of_the_mean(ragged_engine_of):
    engine = ragged_engine_of("nano-attn-2l")
    mean = engine.replacement(ablate(Node(0, "head", 0), kind="mean"), Node(0, "head", 0))
    own = engine.activation("clean", Node(0, "head", 0))
    last = engine.width - 1
    longest = [i for i, pair in enumerate(engine.batch.pairs) if len(pair.clean.tokens) == engine.width]
    assert 0 < len(longest) < len(engine.batch)
    torch.testing.assert_close(mean[longest[0], last], own[longest, last].mean(0))


def test_resampling_never_uses_the_prompt_itself(engine_of):
    engine = engine_of("nano-attn-2l")
    node = Node(1, "head", 0)
    own = engine.activation("clean", node)
    other = engine.replacement(ablate(node, kind="resample"), node)
    assert (own - other).abs().flatten(1).max(1).values.min() > 0


def test_an_intervention_whose_hook_never_runs_is_an_error(engine_of, monkeypatch):
    """It would otherwise look like an effect of zero."""
    engine = engine_of("nano-attn-2l")
    installed = engine.loaded_model.bridge.hooks
    monkeypatch.setattr(engine.loaded_model.bridge, "hooks", lambda fwd_hooks: installed(fwd_hooks=fwd_hooks[1:]))
    with pytest.raises(MiChecksError) as error:
        engine.scores([denoise(Node(1, "head", 0))])
    assert str(error.value) == "nano-attn-2l: hook blocks.1.attn.hook_z never ran, so the intervention was not made"


def test_nan_logits_name_the_model_and_the_prompt(engine_of):
    engine = engine_of("nano-solu-1l")
    weight = engine.loaded_model.bridge.blocks[0].attn.o.weight
    kept = weight.detach().clone()
    try:
        weight.data[0, 0] = float("nan")
        with pytest.raises(MiChecksError) as error:
            _ = engine.unpatched
    finally:
        weight.data.copy_(kept)
    assert str(error.value) == (
        "nano-solu-1l: 8 of 8 prompts give NaN or infinite logits at END on the clean prompts, "
        f"first prompt 0: {engine.batch.pairs[0].clean.text!r}; check the weights, or use --mi-dtype float32"
    )


@pytest.mark.parametrize("name", ["L1H6", "L1H6.k", "L0H0.pattern", "L0N123", "L1.attn", "L0.mlp", "L1.resid_pre"])
def test_node_names_round_trip(name):
    assert str(parse_node(name)) == name


def test_attention_patterns_are_distributions(engine_of):
    engine = engine_of("nano-attn-2l")
    pattern = engine.attention_by_position(Node(0, "head", 5))
    torch.testing.assert_close(pattern.sum(-1), torch.ones(pattern.shape[:2]))
    assert pattern.triu(1).abs().max() == 0
