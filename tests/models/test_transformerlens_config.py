"""Keys of TransformerLens' configs: read, harmless, or refused because they would change what is computed (case 38)."""

import json
import shutil

import pytest
import torch
from transformer_lens.model_bridge import TransformerBridge

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import check_causal, load
from mi_checks.models.model_names import NANO_FOLDER
from mi_checks.models.sources.model_source import Unloadable
from tests.models.written import TOKENS, VOCABULARY, toy_config, write_legacy

# What TransformerLens' own configs hold beside what is read, as a saved one has it.
DEFAULTS = {
    "attention_dir": "causal", "use_attn_scale": True, "attn_scale": -1.0, "use_local_attn": False, "window_size": None,
    "attn_types": None, "scale_attn_by_inverse_layer_idx": False, "parallel_attn_mlp": False, "gated_mlp": False,
    "post_embedding_ln": False, "use_qk_norm": False, "num_experts": None, "experts_per_token": None,
    "relative_attention_max_distance": None, "relative_attention_num_buckets": None, "scale_embedding": None,
    "tie_word_embeddings": False, "use_normalization_before_and_after": False, "use_NTK_by_parts_rope": False,
    "NTK_by_parts_factor": 8.0, "rmsnorm_uses_offset": False, "rotary_adjacent_pairs": False, "rotary_dim": None,
    "d_vocab_out": VOCABULARY, "n_key_value_heads": None, "final_rms": False, "eps": 1e-5, "uses_rms_norm": False,
}  # fmt: skip
# What describes training and provenance: the keys of the scripts that the published toy models were trained with.
TRAINING = {
    "seed": 7, "lr": 1e-3, "lr_hidden": 2e-3, "lr_vector": 1e-3, "lr_schedule": "cosine_warmup", "betas": [0.9, 0.99],
    "beta1": 0.9, "batch_size": 256, "batch_size_per_device": 32, "batches_per_step": 1, "n_devices": 8, "debug": True,
    "debug_batch": True, "max_tokens": 22_000_000_000, "max_steps": 10_000, "tokens_per_step": 2_097_152,
    "warmup_tokens": 300_000_000, "warmup_steps": 100, "weight_decay": 0.05, "grad_norm_clip": 1.0,
    "dataset_name": "c4_code", "version": 21, "use_bfloat16_matmul": True, "train_loss_ewma_beta": 0.99,
    "truncate_tokens": 10**12, "log_interval": 50, "initializer_scale_global": 1.0, "initializer_scale_hidden": 0.02,
    "initializer_scale_embed": 0.1, "initializer_scale_unembed": 0.02, "neuron_scale": 1.0, "neuron_temp": 1.0,
    "use_acc": False, "weight_init_scheme": "gpt2", "fixed_init": "", "store_init": False, "control": 1.0,
    "save_checkpoints": True, "n_params": 3_145_728, "shortformer_pos": False, "init_mode": "gpt2", "ln_eps": 1e-5,
    "initializer_range": 0.02, "device": "cuda", "dtype": "bf16", "model_name": "x", "use_attn_result": True,
    "tokenizer_prepends_bos": True, "default_prepend_bos": True, "take_checkpoints": True, "checkpoint_scale": 1,
    "W_O_init_scale": True, "total_batch_size": 128,
}  # fmt: skip
CHANGES = {
    "attention_dir": "bidirectional", "use_attn_scale": False, "use_local_attn": True, "window_size": 8,
    "attn_types": ["local", "global"], "scale_attn_by_inverse_layer_idx": True, "parallel_attn_mlp": True,
    "post_embedding_ln": True, "use_qk_norm": True, "num_experts": 4, "relative_attention_num_buckets": 32,
    "scale_embedding": True, "use_normalization_before_and_after": True, "use_NTK_by_parts_rope": True,
    "rmsnorm_uses_offset": True, "uses_rms_norm": True, "rope_scaling": {"type": "linear", "factor": 2.0},
    "d_vocab_out": 10, "neuron_scale": 0.5, "neuron_temp": 2.0, "use_pos_resid": False, "factored_embed": True,
}  # fmt: skip
ALSO_IN_LEGACY = {"attn_scale": 2.0, "gated_mlp": True, "n_key_value_heads": 2, "rotary_dim": 4,
                  "attn_scores_soft_cap": 5.0, "output_logits_soft_cap": 5.0}  # fmt: skip


def message(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert "\n" not in str(error.value)
    return str(error.value)


def edit(folder, **more):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy")
    return folder, write_legacy(folder, toy_config())[1]


@pytest.fixture
def legacy(tmp_path, written):
    shutil.copytree(written[0], tmp_path / "toy")
    return tmp_path / "toy"


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "nano"
    folder.mkdir()
    for file in ("config.json", "model.safetensors"):
        shutil.copy(NANO_FOLDER / "nano-gelu-1l" / file, folder / file)
    return folder


def logits(folder):
    with torch.no_grad():
        return load(str(folder), device="cpu").bridge(TOKENS)


def test_case_38_defaults_and_what_describes_training_change_nothing(legacy, own, written):
    with torch.no_grad():
        wanted = written[1](TOKENS)
    for keys in (DEFAULTS, TRAINING, DEFAULTS | TRAINING):
        edit(legacy, **keys)
        torch.testing.assert_close(logits(legacy), wanted, rtol=1e-5, atol=1e-5)
    wanted = logits(own)
    edit(own, **(TRAINING | DEFAULTS))
    torch.testing.assert_close(logits(own), wanted, rtol=0, atol=0)


@pytest.mark.parametrize(("key", "value"), (CHANGES | ALSO_IN_LEGACY).items())
def test_case_38_a_key_that_changes_the_function_is_refused_by_name(legacy, key, value):
    edit(legacy, **{key: value})
    found = message(legacy)
    assert found.startswith(f"model {str(legacy)!r}: its config.json says {key}: {value!r}, ")


@pytest.mark.parametrize(("key", "value"), CHANGES.items())
def test_case_38_in_the_native_layout_too(own, key, value):
    edit(own, **{key: value})
    assert message(own).startswith(f"model {str(own)!r}: its config.json says {key}: {value!r}, which changes what")


@pytest.mark.parametrize(
    ("key", "value"), [("token_shift", 2), ("my_gate", True), ("norm_eps", 1e-3), ("alibi", "yes")]
)
def test_case_38_a_key_that_nobody_knows_is_refused_by_name(legacy, own, key, value):
    for folder in (legacy, own):
        edit(folder, **{key: value})
        found = message(folder)
        assert f"its config.json says {key}: {value!r}, which may change what" in found
        edit(folder, **{key: False})  # and where it asks for nothing it is passed over
        load(str(folder), device="cpu")


def test_case_38_several_such_keys_are_told_at_once(legacy):
    edit(legacy, attention_dir="bidirectional", use_attn_scale=False, neuron_temp=2.0, window_size=4)
    found = message(legacy)
    assert "attention_dir: 'bidirectional', use_attn_scale: False, neuron_temp: 2.0 and 1 more such keys" in found


@pytest.mark.parametrize("kind", ["ln", "LayerNorm", "T5", 1])
def test_case_38_a_normalization_that_there_is_not(legacy, own, kind):
    """TransformerLens would take a layer norm for it."""
    edit(legacy, normalization=kind)
    edit(own, normalization_type=kind)
    for folder in (legacy, own):
        assert f"its config.json says normalization {kind!r}; supported are LN, LNPre, RMS, RMSPre and null" in message(
            folder
        )


def test_case_38_a_positional_embedding_that_is_not_read(legacy):
    edit(legacy, positional_embedding_type="rotary")
    assert "says positional_embedding_type: 'rotary'; this layout supports only 'standard'" in message(legacy)


@pytest.mark.parametrize("key", ["ln_eps", "eps"])
def test_case_38_the_norms_constant_is_read(tmp_path, key):
    bridge = write_legacy(tmp_path, toy_config())[1]
    edit(tmp_path, **{key: 0.5})
    other = TransformerBridge.boot_native(
        {
            **{each: toy_config()[each] for each in ("n_layers", "d_model", "d_mlp", "d_head", "n_heads", "n_ctx")},
            "d_vocab": VOCABULARY, "act_fn": "gelu", "normalization_type": "LN", "eps": 0.5,
            "positional_embedding_type": "standard", "architecture": "TransformerLensNative",
        },
        device="cpu",
    ).eval()  # fmt: skip
    other.load_state_dict(bridge.state_dict())
    with torch.no_grad():
        wanted, plain = other(TOKENS), bridge(TOKENS)
    assert (wanted - plain).abs().max() > 0.1
    torch.testing.assert_close(logits(tmp_path), wanted, rtol=1e-4, atol=1e-4)


def test_case_38_a_toy_model_that_was_trained_without_a_first_token(legacy):
    assert load(str(legacy), device="cpu").tokenization.bos == 0
    edit(legacy, default_prepend_bos=False)
    assert load(str(legacy), device="cpu").tokenization.bos is None


@pytest.mark.parametrize(
    "numbers", [{"d_head": 0}, {"n_ctx": 0}, {"act_fn": "nothing"}, {"d_mlp": "x", "attn_only": True}]
)
def test_numbers_that_make_no_native_model(own, numbers):
    edit(own, **numbers)
    assert str(own) in message(own)


def test_what_is_not_causal_is_found_so_by_what_it_computes():
    for direction in ("causal", "bidirectional"):
        torch.manual_seed(0)
        bridge = TransformerBridge.boot_native(
            {
                "n_layers": 1, "d_model": 16, "d_head": 8, "n_heads": 2, "n_ctx": 8, "d_vocab": 20, "act_fn": "gelu",
                "normalization_type": "LN", "positional_embedding_type": "standard", "attention_dir": direction,
                "architecture": "TransformerLensNative", "d_mlp": 16,
            },
            device="cpu",
        ).eval()  # fmt: skip
        for parameter in bridge.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape)
        if direction == "causal":
            check_causal(bridge, 20)
        else:
            with pytest.raises(Unloadable, match="it is not causal: its output at a token depends on later tokens"):
                check_causal(bridge, 20)
