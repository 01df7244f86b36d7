"""Role scores: the same from weights and from TransformerLens' hooks, and what TransformerLens' own detector says."""

from dataclasses import replace

import pytest
import torch
from transformer_lens import head_detector
from transformer_lens.FactoredMatrix import FactoredMatrix

from mi_checks.engine.bridge_readers import read_transformer
from mi_checks.engine.choose_engine import replayable_model
from mi_checks.errors import MiChecksError
from mi_checks.roles.role_probes import name_prompts, repeated_token_prompts
from mi_checks.roles.role_scores import N_TOP, SCORES, role_score
from mi_checks.spec.roles import ROLE_SCORES
from tests.engine.cases import native

MODELS = ("nano-attn-2l", "nano-gelu-2l", "nano-solu-1l")
ATTENTION = ("previous_token", "duplicate_token", "induction")


def close(found, expected, tolerance=1e-5):
    return abs(found - expected).max() < tolerance


def test_they_are_those_that_the_grammar_names():
    assert tuple(SCORES) == ROLE_SCORES


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("model", MODELS)
def test_weights_and_hooks_agree(name, model, loaded_model_of):
    loaded_model = loaded_model_of(model)
    found = role_score(name, loaded_model, replayable_model(loaded_model))
    assert found.shape == (loaded_model.shape.n_layers, 6)
    assert found.max() > 0.005
    assert close(found, role_score(name, loaded_model, None))


@pytest.mark.parametrize("name", ATTENTION)
def test_transformer_lens_detector(name, loaded_model_of):
    """Its score is over the attention of all positions; ours is the mean over those that have something to look at."""
    loaded_model = loaded_model_of("nano-attn-2l")
    tokens = torch.as_tensor(repeated_token_prompts(loaded_model).tokens)
    _, cache = loaded_model.bridge.run_with_cache(tokens, names_filter=lambda hook: hook.endswith("hook_pattern"))
    expected = torch.zeros(len(tokens), 2, 6)
    for prompt in range(len(tokens)):
        wanted = getattr(head_detector, f"get_{name}_head_detection_pattern")(tokens[prompt : prompt + 1])
        wanted[:2] = 0  # the second position, which has only the first before it, is not counted
        places = wanted.sum()
        for layer in range(2):
            for head in range(6):
                expected[prompt, layer, head] = head_detector.compute_head_attention_similarity_score(
                    cache[f"blocks.{layer}.attn.hook_pattern"][prompt, head], wanted,
                    exclude_bos=False, exclude_current_token=False, error_measure="mul",
                ) * tokens.shape[1] / places  # fmt: skip
    assert close(role_score(name, loaded_model, replayable_model(loaded_model)), expected.mean(0).numpy())


def test_the_known_heads_of_a_model(loaded_model_of):
    loaded_model = loaded_model_of("nano-attn-2l")
    model = replayable_model(loaded_model)
    assert role_score("previous_token", loaded_model, model)[0, 3] > 0.9
    assert sorted(role_score("induction", loaded_model, model)[1].argsort()[-2:]) == [1, 2]
    assert role_score("induction", loaded_model, model)[1, 1:3].min() > 0.8
    assert role_score("copying", loaded_model, model)[1, 1:3].min() > 0.9


@pytest.mark.parametrize("architecture", ["attention only", "gelu", "folded norms", "no norm"])
def test_copying_is_of_the_eigenvalues_of_the_folded_circuit(architecture):
    """TransformerLens folds gains and centring into the weights; the whole product then has the same eigenvalues."""
    loaded_model, folded = native(architecture), native(architecture).bridge
    # The unembedding's mean over tokens, which no probability depends on, is left in.
    folded.enable_compatibility_mode(disable_warnings=True, center_unembed=False)
    found = role_score("copying", loaded_model, read_transformer(loaded_model.bridge))
    for layer in range(loaded_model.shape.n_layers):
        for head in range(loaded_model.shape.n_heads):
            circuit = FactoredMatrix(
                folded.W_E @ folded.W_V[layer, head], folded.W_O[layer, head] @ folded.W_U
            ).eigenvalues
            expected = circuit.real.sum() / circuit.abs().sum()
            assert found[layer, head] == pytest.approx(expected.item(), abs=1e-4)


def test_copying_of_shared_values():
    loaded_model = native("llama")
    found = role_score("copying", loaded_model, read_transformer(loaded_model.bridge))
    assert found.shape == (2, 4)
    assert (abs(found) <= 1).all()
    assert len(set(found.ravel().round(6).tolist())) == 8  # heads that share values have outputs of their own


def test_a_head_cut_off_copies_nothing(loaded_model_of):
    loaded_model = loaded_model_of("nano-attn-2l")
    weights = dict(replayable_model(loaded_model).weights)
    weights["blocks.1.attn.o.weight"] = torch.zeros_like(weights["blocks.1.attn.o.weight"])
    found = role_score("copying", loaded_model, replace(replayable_model(loaded_model), weights=weights))
    assert (found[1] == 0).all()
    assert (found[0] != 0).all()


@pytest.mark.parametrize("model", ["nano-attn-2l", "nano-gelu-2l"])
def test_name_mover_by_the_bridges_own_modules(model, loaded_model_of):
    loaded_model = loaded_model_of(model)
    bridge, probes = loaded_model.bridge, name_prompts(loaded_model)
    prompts, name_positions = torch.arange(len(probes.name_positions)), torch.as_tensor(probes.name_positions)
    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.as_tensor(probes.tokens))
        for layer in range(2):
            block = bridge.blocks[layer]
            pattern = cache[f"blocks.{layer}.attn.hook_pattern"][prompts, :, -1, name_positions].mean(0)
            at_name = cache[f"blocks.{min(layer, 1)}.hook_resid_pre"][prompts, name_positions]
            values = block.attn.v.original_component(block.ln1.original_component(at_name)).unflatten(-1, (6, -1))
            for head in range(6):
                alone = torch.zeros_like(values)
                alone[:, head] = values[:, head]
                out = block.attn.o.original_component
                written = out(alone.flatten(1)) - out(torch.zeros_like(alone.flatten(1)))
                logits = bridge.unembed(bridge.ln_final(written[:, None]))[:, 0]
                copied = (logits.topk(N_TOP).indices == torch.as_tensor(probes.names)[:, None]).any(1).float().mean()
                found = role_score("name_mover", loaded_model, replayable_model(loaded_model))[layer, head]
                assert found == pytest.approx(float(pattern[head] * copied), abs=1e-5)
    assert role_score("name_mover", loaded_model, replayable_model(loaded_model)).max() > 0.005


@pytest.mark.parametrize("name", ROLE_SCORES)
def test_a_role_follows_the_weights(name, loaded_model_of):
    """Two heads of a layer with their weights exchanged have each other's score: what mutants rest on."""
    loaded_model = loaded_model_of("nano-attn-2l")
    model = replayable_model(loaded_model)
    weights, d = dict(model.weights), model.d_head
    order = torch.arange(6 * d).view(6, d)[[0, 1, 5, 3, 4, 2]].flatten()  # L1H2 and L1H5
    for kind in "qkv":
        for part in ("weight", "bias"):
            key = f"blocks.1.attn.{kind}.{part}"
            if key in weights:
                weights[key] = weights[key][order]
    weights["blocks.1.attn.o.weight"] = weights["blocks.1.attn.o.weight"][:, order]
    before, after = (
        role_score(name, loaded_model, model),
        role_score(name, loaded_model, replace(model, weights=weights)),
    )
    assert close(after[1, [0, 1, 5, 3, 4, 2]], before[1])
    assert abs(after[1] - before[1]).max() > 0.005
    assert close(after[0], before[0])


@pytest.mark.parametrize("name", ["copying", "name_mover"])
def test_weights_that_cannot_be_read(name, loaded_model_of):
    with pytest.raises(MiChecksError) as caught:
        role_score(name, loaded_model_of("nano-attn-2l"), None)
    assert str(caught.value) == (
        f"nano-attn-2l: the role score {name} needs the weights, which cannot be read from this model; "
        "use an attention score or a score of your own (pytest_mi_role_scores)"
    )


def test_broken_weights(loaded_model_of):
    loaded_model = loaded_model_of("nano-attn-2l")
    weights = dict(replayable_model(loaded_model).weights)
    weights["blocks.1.attn.q.weight"] = weights["blocks.1.attn.q.weight"] * float("nan")
    with pytest.raises(MiChecksError, match="the role score induction is not finite; check the weights"):
        role_score("induction", loaded_model, replace(replayable_model(loaded_model), weights=weights))
