"""Small GGUF files, written as llama.cpp converts models: its names, its order of rows, its norms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from transformers import Gemma3TextConfig, Qwen2Config, Qwen3Config

from mi_checks.models.model_names import NANO_TOKENIZER
from tests.models.written import VOCABULARY

SHAPE = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "bos_token_id": 0,
    "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
SHARED = {
    "model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "model.layers": "blk",
    "input_layernorm": "attn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}  # fmt: skip
OF_ONE_NORM = {"post_attention_layernorm": "ffn_norm"}
OF_TWO_NORMS = {
    "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}  # fmt: skip


def qwen2() -> Qwen2Config:
    """Biases on queries, keys and values."""
    return Qwen2Config(**SHAPE, tie_word_embeddings=False)


def qwen3() -> Qwen3Config:
    """Norms of queries and keys, and heads wider than the model divided by their number."""
    return Qwen3Config(**SHAPE, head_dim=128, tie_word_embeddings=False)


def gemma3() -> Gemma3TextConfig:
    """Norms before and after, weights of norms counted from one, and an embedding that is the unembedding."""
    return Gemma3TextConfig(
        **(SHAPE | {"num_hidden_layers": 7}), head_dim=8, query_pre_attn_scalar=256, sliding_window=16
    )


def write_gguf(path: Path, model: Any, architecture: str = "llama") -> None:
    """Write a model of `write_huggingface`, with the bundled tokenizer in it."""
    config = model.config
    gemma = architecture.startswith("gemma")
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head)
    writer.add_key_length(head)
    writer.add_value_length(head)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if gemma:
        writer.add_sliding_window(config.sliding_window)
    _write_tokenizer(writer)
    names = SHARED | (OF_TWO_NORMS if gemma else OF_ONE_NORM)
    # Of Llama's queries and keys, GGUF interleaves the two halves that are rotated together.
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        values = tensor.numpy().astype(np.float32)
        for part, n in heads.items() if architecture == "llama" else ():
            if part in name:
                values = values.reshape(n, 2, -1, values.shape[1]).swapaxes(1, 2).reshape(values.shape)
        if gemma and "norm" in name:
            values = values + 1
        for long, short in names.items():
            name = name.replace(f"{long}.", f"{short}.")
        writer.add_tensor(name, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_tokenizer(writer: gguf.GGUFWriter) -> None:
    tokenizer = json.loads(NANO_TOKENIZER.read_text(encoding="utf-8"))
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    words = sorted(tokenizer["model"]["vocab"].items(), key=lambda item: item[1])
    writer.add_token_list([word for word, _ in words])
    writer.add_token_types([3, *[1] * (len(words) - 1)])
    writer.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
