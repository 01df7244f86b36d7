"""`config.json` in TransformerLens' keys: which keys are read, which change nothing, and which are refused.

TransformerLens ignores every key that its native model does not use. Here a key that would change what the model
computes is refused by name, and so is an unknown key.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from mi_checks.models.sources.model_source import Unloadable

NORMALIZATIONS = ("LN", "LNPre", "RMS", "RMSPre", None)
NATIVE_KEYS = frozenset(
    (
        "act_fn", "architecture", "attn_only", "attn_scale", "attn_scores_soft_cap", "d_head", "d_mlp", "d_model",
        "d_vocab", "eps", "final_rms", "gated_mlp", "n_ctx", "n_heads", "n_key_value_heads", "n_layers",
        "normalization_type", "output_logits_soft_cap", "positional_embedding_type", "rotary_base", "rotary_dim",
    )
)  # fmt: skip
# Keys that the native model ignores, with the values that describe what it computes.
FIXED_VALUES: Mapping[str, tuple[Any, ...]] = {
    "attention_dir": ("causal",),
    "use_attn_scale": (True,),
    "use_pos_resid": (True,),
    "neuron_scale": (1,),
    "neuron_temp": (1,),
    "control": (1,),
    "d_vocab_out": (-1,),
    "ln_eps": (1e-5,),  # the loader of the toy models' layout reads it
}
OFF_VALUES: tuple[Any, ...] = (None, False, -1, 0, "", [], {})  # values with which a key has no effect
CHANGING_KEYS = frozenset(
    (
        "attn_types", "experts_per_token", "factored_embed", "is_audio_model", "is_multimodal", "is_stateful",
        "is_visual_model", "layer_norm_folding", "load_in_4bit", "num_experts", "parallel_attn_mlp",
        "per_layer_head_dim", "per_layer_num_key_value_heads", "post_embedding_ln", "qk_norm_after_rope",
        "relative_attention_max_distance", "relative_attention_num_buckets", "rmsnorm_uses_offset", "rope_scaling",
        "rotary_adjacent_pairs", "rotary_interleaved_cos_sin", "scale_attn_by_inverse_layer_idx", "scale_embedding",
        "shortformer_pos", "use_ET", "use_NTK_by_parts_rope", "use_local_attn", "use_normalization_before_and_after",
        "use_qk_norm", "uses_rms_norm", "window_size",
    )
)  # fmt: skip
# Keys that describe a model's origin, its training and initialisation, and how TransformerLens shows it.
HARMLESS_KEYS = frozenset(
    (
        "NTK_by_parts_factor", "NTK_by_parts_high_freq_factor", "NTK_by_parts_low_freq_factor", "W_O_init_scale",
        "attn_implementation", "beta1", "beta2", "betas", "decoder_start_token_id", "default_padding_side",
        "default_prepend_bos", "device", "dtype", "fixed_init", "from_checkpoint", "init_mode", "init_weights",
        "log_interval", "max_steps", "max_tokens", "model_name", "model_type", "n_devices", "n_params", "name",
        "original_architecture", "seed", "shuffle", "shuffled_data", "take_checkpoints", "tie_word_embeddings",
        "tokenizer_appends_eos", "tokenizer_name", "tokenizer_prepends_bos", "tokens_per_step", "total_batch_size",
        "total_steps", "truncate_tokens", "trust_remote_code", "ungroup_grouped_query_attention", "use_acc",
        "use_attn_in", "use_attn_result", "use_bfloat16", "use_bfloat16_matmul", "use_checkpoint_schedule",
        "use_float16", "use_hook_mlp_in", "use_hook_tokens", "use_split_qkv_input", "version", "wd", "weight_decay",
        "weight_init_scheme",
    )
)  # fmt: skip
TRAINING_KEY = re.compile(
    r"(adam|apply_anthropic|batch|batches|checkpoint|checkpoints|dataset|debug|decay_steps|eval|grad_norm|initializer|"
    r"learning_rate|lr|optim|optimizer|save|store|train|training|wandb|warmup)(_.*)?"
)


def refuse_unread_keys(config: Mapping[str, Any], read: Collection[str]) -> None:
    """Raise if a config has a key that would change the model but is not read.

    Args:
        config: the config in TransformerLens' keys.
        read: the keys that the loader reads.

    Raises:
        Unloadable: a key changes what the model computes, or is not known.
    """
    changes: list[str] = []
    unknown: list[str] = []
    for key, value in config.items():
        if key in read or key in HARMLESS_KEYS or TRAINING_KEY.fullmatch(key) or _has_no_effect(key, value, config):
            continue
        (changes if key in CHANGING_KEYS or key in FIXED_VALUES else unknown).append(f"{key}: {value!r}")
    if changes:
        raise Unloadable(
            f"its config.json says {_listed(changes)}, which changes what the model computes but is ignored by "
            "TransformerLens' native model"
        )
    if unknown:
        raise Unloadable(
            f"its config.json says {_listed(unknown)}, which may change what the model computes; if it only "
            "describes how the model was trained, remove it"
        )


def check_normalization(kind: Any) -> None:
    """Raise if the native model does not have a kind of normalization, because it would use a layer norm instead.

    Raises:
        Unloadable: the native model does not have it.
    """
    if kind not in NORMALIZATIONS:
        raise Unloadable(f"its config.json says normalization {kind!r}; supported are LN, LNPre, RMS, RMSPre and null")


def _has_no_effect(key: str, value: Any, config: Mapping[str, Any]) -> bool:
    """Return whether a key has a value that describes what the model does anyway."""
    if key == "d_vocab_out" and value == config.get("d_vocab"):
        return True
    allowed = (*FIXED_VALUES[key], None) if key in FIXED_VALUES else OFF_VALUES
    # The value 1.0 equals 1, but True must not count as 1.
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in allowed)


def _listed(entries: list[str]) -> str:
    return ", ".join(entries[:3]) + (f" and {len(entries) - 3} more such keys" if len(entries) > 3 else "")
