"""Hugging Face families: the replay engine reads them, raw and processed, and gives the reference's numbers."""

import numpy as np
import pytest
import torch
import transformers
from transformer_lens import patching
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.engine.attribution_patching import AttributionPatching
from mi_checks.engine.bridge_readers import read_transformer
from mi_checks.engine.choose_engine import choose_engine, replayable_model
from mi_checks.engine.composition import InputFraction
from mi_checks.engine.direct_attribution import DirectEffects
from mi_checks.engine.interventions import EdgeCircuit, ablate, denoise
from mi_checks.engine.nodes import LOGITS, Node, all_nodes
from mi_checks.engine.reference.reference_engine import ReferenceEngine
from mi_checks.engine.replay.replay_engine import ReplayEngine
from mi_checks.engine.residual_stream import is_parallel
from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import NANO_TOKENIZER
from mi_checks.spec.node_names import ModelShape
from tests.engine.cases import (
    ARCHITECTURES,
    TOLERANCE,
    a_part,
    everything,
    loaded_model,
    multi_hop,
    native,
    paths,
    prompts,
    random_circuits,
)

N_LAYERS, N_HEADS, D_MLP, VOCAB = 2, 4, 48, 2048
SIZE = {
    "vocab_size": VOCAB, "hidden_size": 32, "num_hidden_layers": N_LAYERS, "num_attention_heads": N_HEADS,
    "intermediate_size": D_MLP, "max_position_embeddings": 24,
}  # fmt: skip
LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 1e4, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 8,
}  # fmt: skip
GPT2 = {
    "vocab_size": VOCAB, "n_embd": 32, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_inner": D_MLP, "n_positions": 24,
}  # fmt: skip
NEOX = {**SIZE, "rotary_pct": 0.5}
LLAMA = {**SIZE, "num_key_value_heads": 2}
OPT = {**SIZE, "ffn_dim": D_MLP, "word_embed_proj_dim": 32}
# A name that TransformerLens takes, the config's class and its arguments.
MODELS = {
    "gpt2": ("gpt2", "GPT2", GPT2),
    "neox": ("EleutherAI/pythia-70m", "GPTNeoX", NEOX),
    "sequential neox": ("EleutherAI/pythia-70m", "GPTNeoX", {**NEOX, "use_parallel_residual": False}),
    "llama": ("llama", "Llama", LLAMA),
    "llama 3": ("llama", "Llama", {**LLAMA, "head_dim": 12, "rms_norm_eps": 1e-3, "rope_parameters": LLAMA3}),
    "qwen2": ("qwen2", "Qwen2", LLAMA),
    "mistral": ("mistral", "Mistral", {**LLAMA, "sliding_window": None}),
    "opt": ("facebook/opt-125m", "OPT", OPT),
}
FAMILIES = ["gpt2", "neox", "sequential neox", "llama", "llama 3", "qwen2"]
MODES = ["raw", "compatibility"]
ACROSS = [(family, mode) for family in FAMILIES for mode in MODES]


@pytest.fixture(scope="session")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    special = dict.fromkeys(("bos_token", "eos_token", "pad_token"), "<|endoftext|>")
    made = transformers.PreTrainedTokenizerFast(tokenizer_file=str(NANO_TOKENIZER), **special)
    made.save_pretrained(folder)
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture(scope="session")
def make(tokenizer):
    def make(family, mode="raw", **more):
        name, cls, config = MODELS[family]
        torch.manual_seed(1)
        config = getattr(transformers, f"{cls}Config")(**{**config, **more})
        hf_model = transformers.AutoModelForCausalLM.from_config(config).eval()
        bridge = TransformerBridge.boot_transformers(name, hf_model=hf_model, tokenizer=tokenizer, device="cpu").eval()
        shape = ModelShape(N_LAYERS, N_HEADS, D_MLP, getattr(config, "num_key_value_heads", None))
        return loaded_model(family, bridge, shape, mode)

    return make


@pytest.fixture(scope="session")
def loaded_model_of(make):
    made = {}

    def get(family, mode):
        if (family, mode) not in made:
            made[family, mode] = make(family, mode)
        return made[family, mode]

    return get


def equal(found, expected):
    """The same numbers, as closely as float32 has them."""
    return np.abs(found - expected).max() < TOLERANCE * max(1, np.abs(expected).max())


@pytest.mark.parametrize("at", [None, "X"])
@pytest.mark.parametrize(("family", "mode"), ACROSS)
def test_every_intervention(family, mode, at, loaded_model_of):
    loaded_model, batch = loaded_model_of(family, mode), prompts(count=5, seed=3)
    replay = choose_engine("replay", loaded_model, batch)
    assert isinstance(replay, ReplayEngine)
    what = a_part(everything(loaded_model, at), family, mode, at)
    found = replay.scores(what)
    assert equal(found, ReferenceEngine(loaded_model, batch).scores(what))
    assert np.abs(np.diff(found, axis=0)).max() > 0.01


@pytest.mark.parametrize("at", [None, "X"])
@pytest.mark.parametrize(("family", "mode"), ACROSS)
def test_every_path(family, mode, at, loaded_model_of):
    loaded_model, batch = loaded_model_of(family, mode), prompts(count=5, seed=3)
    what = a_part([*paths(loaded_model, at), *multi_hop(loaded_model, at)], family, mode, at)
    assert equal(
        choose_engine("replay", loaded_model, batch).scores(what), ReferenceEngine(loaded_model, batch).scores(what)
    )


@pytest.mark.parametrize(("family", "mode"), [(f, m) for f, m in ACROSS if f != "neox"])
def test_circuits_of_edges(family, mode, loaded_model_of):
    loaded_model, batch = loaded_model_of(family, mode), prompts(count=4, seed=3)
    what = list(random_circuits(loaded_model))[1::3]
    expected = ReferenceEngine(loaded_model, batch).edge_scores(what)
    assert equal(choose_engine("replay", loaded_model, batch).edge_scores(what), expected)


@pytest.mark.parametrize(("family", "mode"), ACROSS)
def test_direct_effects_and_input_fractions(family, mode, loaded_model_of):
    loaded_model, batch = loaded_model_of(family, mode), prompts(count=4, seed=3)
    replay, reference = choose_engine("replay", loaded_model, batch), ReferenceEngine(loaded_model, batch)
    layers = [Node(layer, kind) for layer in range(N_LAYERS) for kind in ("attn", "mlp")]
    nodes = [
        Node(0, "resid_pre"),
        *layers,
        *all_nodes("head", loaded_model.shape),
        *all_nodes("neuron", loaded_model.shape)[::9],
    ]
    expected = reference.measure(DirectEffects(tuple(nodes)))
    assert equal(replay.measure(DirectEffects(tuple(nodes))), expected)
    assert equal(expected[0] + expected[1:5].sum(0), reference.measure(DirectEffects((Node(1, "resid_post"),)))[0])
    for receiver in (Node(1, "q", 3), Node(1, "k", 1), Node(1, "v", 0)):
        for sender in (Node(0, "resid_pre"), Node(0, "head", 1), Node(0, "neuron", 3), Node(0, "mlp")):
            fractions = reference.measure(InputFraction(sender, receiver, "Y"))[0]
            assert equal(replay.measure(InputFraction(sender, receiver, "Y"))[0], fractions)
    for component in ("head", "q", "k", "v", "neuron"):
        approximate = reference.measure(AttributionPatching(component))
        assert equal(replay.measure(AttributionPatching(component)), approximate)
        assert np.abs(approximate).max() > 1e-3


@pytest.mark.parametrize("name", ["replay", "reference"])
def test_edges_of_parallel_layers_are_an_error(name, loaded_model_of):
    engine = choose_engine(name, loaded_model_of("neox", "raw"), prompts(count=2, seed=0))
    with pytest.raises(MiChecksError) as error:
        engine.edge_scores([EdgeCircuit((), "zero", mlps=True)])
    assert str(error.value) == (
        "neox: edges cannot be measured in this model, because the attention and MLP of a layer read the same "
        "residual stream; make a claim about nodes or paths instead"
    )


@pytest.mark.parametrize(("family", "mode"), ACROSS)
def test_padding_on_the_left(family, mode, loaded_model_of):
    """The same prompts padded on either side, in either engine, give the same."""
    loaded_model, batch = loaded_model_of(family, mode), prompts(count=5, seed=3)
    what = a_part(
        [*everything(loaded_model, None), *everything(loaded_model, "Y"), *paths(loaded_model, "X")], family, mode
    )[::2]
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    assert equal(ReferenceEngine(loaded_model, batch, padding="left").scores(what), expected)
    assert equal(
        ReplayEngine(loaded_model, batch, replayable_model(loaded_model), padding="left").scores(what), expected
    )


@pytest.mark.parametrize(("family", "mode"), ACROSS)
def test_unpatched_runs_and_attention(family, mode, loaded_model_of):
    loaded_model, batch = loaded_model_of(family, mode), prompts(count=5, seed=4)
    replay, reference = choose_engine("replay", loaded_model, batch), ReferenceEngine(loaded_model, batch)
    for side in ("clean", "corrupt"):
        expected = reference.unpatched_logits(side)
        assert (replay.unpatched_logits(side) - expected).abs().max() < TOLERANCE * expected.abs().max()
    for head in all_nodes("head", loaded_model.shape):
        real = replay.layouts["clean"].is_token
        real = real[:, :, None] & real[:, None, :]
        found, expected = (engine.attention_by_position(head) * real for engine in (replay, reference))
        torch.testing.assert_close(found, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_native_models_in_compatibility_mode(architecture):
    loaded_model, batch = native(architecture, "compatibility"), prompts(count=5, seed=3)
    what = [each for at in (None, "X") for each in (*everything(loaded_model, at), *paths(loaded_model, at))]
    what = a_part(what, architecture)
    replay = choose_engine("replay", loaded_model, batch)
    assert isinstance(replay, ReplayEngine)
    expected = ReferenceEngine(loaded_model, batch).scores(what)
    assert equal(replay.scores(what), expected)


@pytest.mark.parametrize("component", ["q", "k", "v"])
@pytest.mark.parametrize(("family", "mode"), [("gpt2", "raw"), ("gpt2", "compatibility"), ("neox", "raw")])
def test_paths_between_heads_equal_those_of_transformer_lens(family, mode, component, loaded_model_of):
    """Against `get_act_patch_direct_path`, one prompt at a time, since it takes the metric of all."""
    loaded_model = loaded_model_of(family, mode)
    bridge, batch = loaded_model.bridge, prompts(count=3, seed=3, ragged=False)
    engine = choose_engine("replay", loaded_model, batch)
    senders, receivers = all_nodes("head", loaded_model.shape, (0,)), all_nodes(component, loaded_model.shape, (1,))
    what = [denoise(sender, into=(receiver,)) for sender in senders for receiver in receivers]
    found = engine.scores(what).reshape(len(senders), len(receivers), len(batch))
    assert np.abs(found - engine.unpatched.corrupt.logit_diff).max() > 0.01
    for row in range(len(batch)):
        clean, corrupt = (engine.layouts[side].tokens[row : row + 1] for side in ("clean", "corrupt"))

        def metric(logits, row=row):
            return logits[0, -1, engine.readout.answers[row, 0]] - logits[0, -1, engine.readout.foils[row]].mean()

        with torch.no_grad():
            caches = [bridge.run_with_cache(tokens)[1] for tokens in (clean, corrupt)]
            for sender in senders:
                expected = patching.get_act_patch_direct_path(
                    bridge, corrupt, *caches, metric, 0, sender.index, component, verbose=False
                )
                assert equal(found[sender.index, :, row], expected[1].numpy())


@pytest.mark.parametrize(
    ("intervention", "why"),
    [
        (denoise(Node(0, "resid_mid")), "this model has no L0.resid_mid"),
        (denoise(Node(1, "head", 2), into=(Node(1, "mlp"),)), "this model has no path from L1H2 to L1.mlp"),
        (
            ablate(Node(0, "head", 0), Node(0, "attn"), kind="mean", into=(Node(1, "mlp"), Node(0, "mlp"))),
            "this model has no path from L0H0 to L0.mlp",
        ),
        (
            denoise(Node(0, "head", 2), into=(Node(1, "v", 0),), onward=((Node(1, "mlp"),), (LOGITS,))),
            "this model has no path from L1H0.v to L1.mlp",
        ),
    ],
)
@pytest.mark.parametrize("name", ["replay", "reference"])
def test_what_parallel_layers_do_not_have_is_an_error(name, intervention, why, loaded_model_of):
    loaded_model = loaded_model_of("neox", "raw")
    assert is_parallel(loaded_model.bridge)
    engine = choose_engine(name, loaded_model, prompts(count=2, seed=0))
    with pytest.raises(MiChecksError) as error:
        engine.scores([denoise(Node(0, "head", 0)), intervention])
    assert str(error.value) == f"neox: {why}, because the attention and MLP of a layer read the same residual stream"


@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("gpt2", {"scale_attn_by_inverse_layer_idx": True}),
        ("gpt2", {"activation_function": "quick_gelu"}),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}}),
        ("mistral", {"sliding_window": 8}),
        ("opt", {}),
    ],
)
def test_unknown_models_are_left_to_the_reference(family, more, make):
    loaded_model, batch = make(family, **more), prompts(count=3, seed=0)
    assert read_transformer(loaded_model.bridge) is None
    engine = choose_engine("auto", loaded_model, batch)
    assert isinstance(engine, ReferenceEngine)
    heads = all_nodes("head", loaded_model.shape, (0,))
    found = engine.scores([denoise(*heads), denoise(Node(0, "attn")), denoise(heads[0])])
    assert equal(found[0], found[1])
    assert np.abs(found - engine.unpatched.corrupt.logit_diff).max(1).min() > 1e-4
    with pytest.raises(MiChecksError, match="does not reproduce this model"):
        choose_engine("replay", loaded_model, batch)


@pytest.mark.parametrize("window", [None, 24])
@pytest.mark.parametrize("mode", MODES)
def test_a_window_as_long_as_the_context_does_not_matter(mode, window, make):
    assert replayable_model(make("mistral", mode, sliding_window=window)) is not None


def test_quantised_weights_are_left_to_the_reference(make, monkeypatch):
    bridge = make("gpt2").bridge
    weights = bridge.state_dict()
    weights["blocks.0.mlp.in.weight"] = weights["blocks.0.mlp.in.weight"].to(torch.int8)
    monkeypatch.setattr(type(bridge), "state_dict", lambda self: weights)
    assert read_transformer(bridge) is None


def test_an_unknown_norm_is_left_to_the_reference(make, monkeypatch):
    bridge = make("gpt2").bridge
    assert read_transformer(bridge) is not None
    monkeypatch.setattr(bridge.cfg, "normalization_type", "Dyt")
    assert read_transformer(bridge) is None
