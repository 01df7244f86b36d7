"""The zoo: small random models of many families, as `transformers` builds them, written to folders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
import transformers

from tests.zoo.tokenizers import VOCABULARY, Manner, write_tokenizer

SCALE = 0.16  # the spread of the weights: several times that at initialisation, so that heads matter
N_LAYERS, WIDTH, N_HEADS, N_KV_HEADS, D_MLP, N_CTX, WINDOW = 3, 48, 4, 2, 80, 32, 4
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Configuration:
    """One model of the zoo.

    Attributes:
        name: what the tests call it.
        config: the class of its configuration in `transformers`, without `Config`.
        arguments: what that class is called with.
        manner: the tokenizer's: `byte-level`, or `metaspace` as SentencePiece's are; `+bos` puts a token before texts.
        refused: quantity → a regular expression that the reason of the refusal matches; `load` for the model itself.
            What is not there must be right; what is there must be refused.
    """

    name: str
    config: str
    arguments: Mapping[str, Any]
    manner: Manner
    refused: Mapping[str, str] = field(default_factory=lambda: NOTHING)


SPECIAL = {"bos_token_id": 1, "eos_token_id": 1, "pad_token_id": 0}
LLAMA = {
    **SPECIAL, "vocab_size": VOCABULARY, "hidden_size": WIDTH, "intermediate_size": D_MLP,
    "num_hidden_layers": N_LAYERS, "num_attention_heads": N_HEADS, "num_key_value_heads": N_KV_HEADS,
    "max_position_embeddings": N_CTX, "tie_word_embeddings": False,
}  # fmt: skip
GEMMA = {**LLAMA, "head_dim": 16, "tie_word_embeddings": True, "query_pre_attn_scalar": 20}
ALTERNATING = ["sliding_attention", "full_attention", "sliding_attention"]
GPT2 = {
    **SPECIAL, "vocab_size": VOCABULARY, "n_embd": WIDTH, "n_layer": N_LAYERS, "n_head": N_HEADS, "n_inner": D_MLP,
    "n_positions": N_CTX,
}  # fmt: skip
HALF_ROTARY = {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}}
NEOX = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"} | HALF_ROTARY
OPT = {
    **SPECIAL, "vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_hidden_layers": N_LAYERS, "ffn_dim": 4 * WIDTH,
    "num_attention_heads": N_HEADS, "max_position_embeddings": N_CTX, "word_embed_proj_dim": WIDTH,
}  # fmt: skip
BLOOM = {**SPECIAL, "vocab_size": VOCABULARY, "hidden_size": WIDTH, "n_layer": N_LAYERS, "n_head": N_HEADS}
FALCON = {
    **SPECIAL, "vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_hidden_layers": N_LAYERS,
    "num_attention_heads": N_HEADS, "ffn_hidden_size": D_MLP, "max_position_embeddings": N_CTX,
}  # fmt: skip
# What cannot be measured in some families, and what the reason must name.
NO_MIDDLE = {"resid_mid": r"no L0\.resid_mid"}
NO_PATTERN = {"pattern": r"pattern"}
EXPERTS = {"neurons": r"expert"}
LATENT = dict.fromkeys(
    ("z", "q", "k", "v", "pattern", "paths", "hops", "attribution"), r"latent|shape|head|pattern|expert"
)
SINKS = {**EXPERTS, "attention": r"sums to"}  # to which a part of the attention goes
UNNORMED = {**NO_PATTERN, "attribution": r"final norm"}  # TransformerLens forgets the norm before the projection
NO_SUM = dict.fromkeys(("resid_mid", "paths", "hops", "attribution"), r"residual stream")
MOE = {"num_experts_per_tok": 2, "moe_intermediate_size": 24}
GPT_NEO = {
    **SPECIAL, "vocab_size": VOCABULARY, "hidden_size": WIDTH, "num_layers": N_LAYERS, "num_heads": N_HEADS,
    "intermediate_size": D_MLP, "max_position_embeddings": N_CTX, "window_size": WINDOW,
    "attention_types": [[["global", "local", "local"], 1]],
}  # fmt: skip
MPT = {
    **SPECIAL, "vocab_size": VOCABULARY, "d_model": WIDTH, "n_heads": N_HEADS, "n_layers": N_LAYERS,
    "max_seq_len": N_CTX,
}  # fmt: skip
UNCAPPED = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
CAPPED = {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 6.0}
WINDOWS = {"sliding_window": WINDOW, "layer_types": ALTERNATING}
UPPER_WINDOWS = {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 1}
FALCON_ALIBI = {"alibi": True, "multi_query": False, "parallel_attn": False, "bias": True}
MULTIPLIERS = {
    "residual_multiplier": 0.6, "logits_scaling": 2.0, "attention_multiplier": 0.4, "embedding_multiplier": 3.0,
}  # fmt: skip
GPT_OSS = {
    "head_dim": 12, "num_local_experts": 3, "num_experts_per_tok": 2,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
}  # fmt: skip
DEEPSEEK = {
    "num_key_value_heads": N_HEADS, "q_lora_rank": 24, "kv_lora_rank": 16, "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8, "v_head_dim": 12, "n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1,
    "topk_group": 1, "first_k_dense_replace": 1, "moe_intermediate_size": 24,
}  # fmt: skip

BPE, BPE_BOS, SPM_BOS = "byte-level", "byte-level+bos", "metaspace+bos"
_EVERY = (
    Configuration("gpt2", "GPT2", GPT2, BPE),
    Configuration("gpt2-unscaled", "GPT2", {**GPT2, "scale_attn_weights": False}, BPE, {"load": r"logits"}),
    Configuration("gpt2-by-layer", "GPT2", {**GPT2, "scale_attn_by_inverse_layer_idx": True}, BPE),
    Configuration("gpt-bigcode", "GPTBigCode", GPT2, BPE),
    Configuration(
        "gpt-bigcode-unscaled", "GPTBigCode", {**GPT2, "scale_attn_weights": False}, BPE, {"load": r"logits"}
    ),
    Configuration(
        "gpt-bigcode-multi-head", "GPTBigCode", {**GPT2, "multi_query": False}, BPE, {"load": r"multi_query"}
    ),
    Configuration("gpt-neo", "GPTNeo", GPT_NEO, BPE, NO_PATTERN),
    Configuration("gptj", "GPTJ", {**GPT2, "rotary_dim": 4}, BPE, {**NO_PATTERN, **NO_MIDDLE}),
    Configuration("neox", "GPTNeoX", NEOX, BPE, NO_MIDDLE),
    Configuration("neox-sequential", "GPTNeoX", {**NEOX, "use_parallel_residual": False}, BPE),
    Configuration("neox-no-bias", "GPTNeoX", {**NEOX, "attention_bias": False}, BPE, {"load": r"bias"}),
    Configuration("opt", "OPT", OPT, BPE_BOS, NO_PATTERN),
    Configuration("opt-post-norm", "OPT", {**OPT, "do_layer_norm_before": False}, BPE_BOS, {"load": r"norm"}),
    Configuration("opt-narrow-mlp", "OPT", {**OPT, "ffn_dim": D_MLP}, BPE_BOS, NO_PATTERN),
    Configuration("opt-projected", "OPT", {**OPT, "word_embed_proj_dim": 32}, BPE_BOS, UNNORMED),
    Configuration("bloom", "Bloom", BLOOM, BPE),
    Configuration("bloom-post-norm", "Bloom", {**BLOOM, "apply_residual_connection_post_layernorm": True}, BPE, NO_SUM),
    Configuration("falcon-mqa", "Falcon", {**FALCON, "num_attention_heads": 8}, BPE, NO_MIDDLE),
    Configuration(
        "falcon-grouped",
        "Falcon",
        {**FALCON, "new_decoder_architecture": True, "num_kv_heads": 2},
        BPE,
        {"load": r"TransformerLens"},
    ),
    Configuration("falcon-alibi", "Falcon", {**FALCON, **FALCON_ALIBI}, BPE),
    Configuration("mpt", "Mpt", MPT, BPE),
    Configuration("llama", "Llama", {**LLAMA, "rms_norm_eps": 1e-3}, SPM_BOS),
    Configuration("llama-6-2", "Llama", {**LLAMA, "num_attention_heads": 6, "attention_bias": True}, SPM_BOS),
    Configuration("mistral", "Mistral", {**LLAMA, "sliding_window": WINDOW}, SPM_BOS),
    Configuration("qwen2", "Qwen2", LLAMA, BPE),
    Configuration(
        "qwen2-8-1", "Qwen2", {**LLAMA, **UPPER_WINDOWS, "num_attention_heads": 8, "num_key_value_heads": 1}, BPE
    ),
    Configuration("qwen3", "Qwen3", {**LLAMA, "head_dim": 16}, BPE),
    Configuration("gemma", "Gemma", {**LLAMA, "head_dim": 16, "tie_word_embeddings": True}, SPM_BOS),
    Configuration("gemma2", "Gemma2", {**GEMMA, **WINDOWS, **CAPPED}, SPM_BOS, {"attribution": r"caps its logits"}),
    Configuration("gemma2-uncapped", "Gemma2", {**GEMMA, **WINDOWS, **UNCAPPED}, SPM_BOS),
    Configuration("gemma3", "Gemma3Text", {**GEMMA, **WINDOWS}, SPM_BOS),
    Configuration("phi", "Phi", {**NEOX, "num_key_value_heads": N_HEADS}, BPE, NO_MIDDLE),
    Configuration("phi3", "Phi3", {**LLAMA, "original_max_position_embeddings": N_CTX}, SPM_BOS),
    Configuration("stablelm", "StableLm", {**LLAMA, **HALF_ROTARY, "use_qkv_bias": True}, BPE),
    Configuration(
        "stablelm-parallel", "StableLm", {**LLAMA, **HALF_ROTARY, "use_parallel_residual": True}, BPE, NO_MIDDLE
    ),
    Configuration("stablelm-normed", "StableLm", {**LLAMA, **HALF_ROTARY, "qk_layernorm": True}, BPE),
    Configuration("olmo", "Olmo", {**LLAMA, "clip_qkv": 0.6}, BPE),
    Configuration("olmo2", "Olmo2", LLAMA, BPE),
    Configuration("olmo3", "Olmo3", {**LLAMA, **WINDOWS}, BPE),
    Configuration("granite", "Granite", {**LLAMA, **MULTIPLIERS}, BPE),
    Configuration("cohere", "Cohere", {**LLAMA, "logit_scale": 0.25, "tie_word_embeddings": True}, BPE_BOS, NO_MIDDLE),
    Configuration("cohere-normed", "Cohere", {**LLAMA, "logit_scale": 2.0, "use_qk_norm": True}, BPE_BOS, NO_MIDDLE),
    Configuration("starcoder2", "Starcoder2", {**LLAMA, "sliding_window": WINDOW}, BPE),
    Configuration("mixtral", "Mixtral", {**LLAMA, "num_local_experts": 3, "num_experts_per_tok": 2}, SPM_BOS, EXPERTS),
    Configuration(
        "qwen2-moe", "Qwen2Moe", {**LLAMA, **MOE, "num_experts": 3, "shared_expert_intermediate_size": 32}, BPE, EXPERTS
    ),
    Configuration("qwen3-moe", "Qwen3Moe", {**LLAMA, **MOE, "head_dim": 12, "num_experts": 3}, BPE, EXPERTS),
    Configuration("gpt-oss", "GptOss", {**LLAMA, **WINDOWS, **GPT_OSS}, BPE, SINKS),
    Configuration("smollm3", "SmolLM3", {**LLAMA, "no_rope_layers": [1, 0, 1]}, BPE),
    Configuration("deepseek-v3", "DeepseekV3", {**LLAMA, **DEEPSEEK}, BPE_BOS, {**EXPERTS, **LATENT}),
)
ZOO: Mapping[str, Configuration] = MappingProxyType({one.name: one for one in _EVERY})


def write(configuration: Configuration, folder: Path) -> Path:
    """Write a model of random weights and its tokenizer to a folder, as its family is published."""
    config = getattr(transformers, f"{configuration.config}Config")(**configuration.arguments)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    generator = torch.Generator().manual_seed(sum(map(ord, configuration.name)))
    for name, parameter in sorted(model.named_parameters()):
        noise = torch.randn(parameter.shape, generator=generator)
        if "embed" in name or "wte" in name or "wpe" in name:
            parameter.data = 0.7 * noise
        elif parameter.dim() > 1:
            parameter.data = SCALE * noise
        else:  # norms and biases around what they are at initialisation
            parameter.data = parameter.data + 0.2 * noise
    model.save_pretrained(folder)
    write_tokenizer(configuration.manner, folder)
    return folder


def original(configuration: Configuration, folder: Path, rounded_to: torch.dtype = torch.float32) -> Any:
    """Load the model with `transformers` alone, in float64, its weights rounded to another type before."""
    how: dict[str, Any] = {"attn_implementation": "eager", "dtype": rounded_to}
    if "num_experts_per_tok" in configuration.arguments:
        how["experts_implementation"] = "eager"  # the faster ones know no float64
    return transformers.AutoModelForCausalLM.from_pretrained(folder, **how).double().eval()
