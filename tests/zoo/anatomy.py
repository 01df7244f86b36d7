"""Where the parts of a `transformers` model are: the modules whose inputs and outputs the oracle reads and edits.

It is written from the source of `transformers`, and knows nothing of TransformerLens or of the engines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns of a module's output in which queries, keys or values stand.

    Attributes:
        module: the projection.
        index: its columns, `head d_head`; none where heads have no columns of their own.
        before: what maps the stream, normed, to the input of the projection; None: that is its input.
    """

    module: Module
    index: Tensor
    before: Callable[[Tensor], Tensor] | None = None

    def project(self, normed: Tensor) -> Tensor:
        """Return the heads' vectors for a normed stream, `row pos head d_head`; no hook of the modules is called."""
        return self.read(self.module.forward(normed if self.before is None else self.before(normed)))

    def read(self, output: Tensor) -> Tensor:
        """Return the heads' vectors, `row pos head d_head`."""
        return output.reshape(len(output), -1, output.shape[-1])[..., self.index]

    def write(self, output: Tensor, heads: Tensor) -> Tensor:
        """Return the output with other vectors of the heads, in its own shape."""
        whole = output.reshape(len(output), -1, output.shape[-1]).clone()
        whole[..., self.index] = heads
        return whole.reshape(output.shape)


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer.

    Attributes:
        block: what maps the residual stream before the layer to the one after it.
        reads: the norm before attention; None where it reads the stream as it is.
        q: queries, before norms of their own and before rotation.
        k: keys, likewise.
        v: values.
        o: the output projection, whose input is z, heads side by side.
        after_attention: the norm between the output projection and the residual stream.
        mlp_reads: the norm before the MLP; None where it reads the stream as it is.
        mlp: the first module of the MLP, whose input is what that norm gives.
        down: the output projection of the MLP, whose input is the neurons; None in a mixture of experts.
        mlp_whole: the module whose output is the MLP's, before any norm after it.
        after_mlp: the norm between that and the residual stream.
        parallel: whether the MLP reads the stream before the layer's attention.
        multiplier: of what is added to the stream.
        clip: the absolute value that values are clamped to.
        around: what the stream passes through beside attention; None: it passes as it is.
        after_sum: the norm that the stream passes through after attention is added to it; None: it passes as it is.
        additive: whether the stream after the layer is the one before it, plus attention, plus the MLP.
    """

    block: Module
    reads: Module | None
    q: Columns
    k: Columns
    v: Columns
    o: Module
    mlp: Module
    mlp_whole: Module
    down: Module | None
    mlp_reads: Module | None
    after_attention: Module | None = None
    after_mlp: Module | None = None
    parallel: bool = False
    multiplier: float = 1.0
    clip: float | None = None
    around: Module | None = None
    after_sum: Module | None = None
    additive: bool = True

    @property
    def attention_output(self) -> Module:
        """The module whose output, times the multiplier, attention adds to the stream."""
        return self.after_attention or self.o

    @property
    def mlp_output(self) -> Module:
        """The module whose output, times the multiplier, the MLP adds to the stream."""
        return self.after_mlp or self.mlp_whole


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A model.

    Attributes:
        layers: its layers.
        final: the module whose input is the residual stream after the last layer.
        norm: the final norm; None where there is none.
        project: what comes between the final norm and the unembedding, if anything.
        unembed: the unembedding.
        logit_multiplier: of what the unembedding gives.
        soft_cap: of the logits, or None.
    """

    layers: tuple[Layer, ...]
    final: Module
    norm: Module | None
    unembed: Module
    project: Module | None = None
    logit_multiplier: float = 1.0
    soft_cap: float | None = None


def anatomy(model: Any) -> Anatomy:
    """Return where the parts of a model are."""
    config = model.config
    layers = tuple(LAYERS[config.model_type](block, config) for block in _blocks(model))
    norm = _final_norm(model)
    project = model.base_model.decoder.project_out if config.model_type == "opt" else None
    unembed = model.get_output_embeddings()
    return Anatomy(
        layers,
        final=norm or project or unembed,
        norm=norm,
        unembed=unembed,
        project=project,
        logit_multiplier=getattr(config, "logit_scale", None) or 1 / (getattr(config, "logits_scaling", None) or 1),
        soft_cap=getattr(config, "final_logit_softcapping", None),
    )


def _blocks(model: Any) -> Any:
    base = model.base_model
    base = getattr(base, "decoder", base)
    return next(getattr(base, name) for name in ("layers", "h", "blocks") if hasattr(base, name))


def _final_norm(model: Any) -> Module | None:
    base = model.base_model
    base = getattr(base, "decoder", base)
    names = ("ln_f", "norm_f", "final_layer_norm", "final_layernorm", "norm")
    return next((getattr(base, name) for name in names if hasattr(base, name)), None)


def _together(module: Module, heads: int) -> Columns:
    """Return all of an output's columns, heads side by side."""
    return Columns(module, torch.arange(_width(module)).view(heads, -1))


def _width(module: Any) -> int:
    return int(getattr(module, "out_features", None) or module.nf)  # a linear map's, or a Conv1D's


def _side_by_side(module: Module, d_head: int, *counts: int) -> list[Columns]:
    """Return the columns of an output of all queries, then all keys, then all values."""
    at, found = 0, []
    for count in counts:
        found.append(Columns(module, torch.arange(at, at + count * d_head).view(count, d_head)))
        at += count * d_head
    assert at == _width(module)
    return found


def _interleaved(module: Module, groups: int, queries: int) -> list[Columns]:
    """Return the columns of an output that has in each group some queries, then a key, then a value."""
    index = torch.arange(_width(module)).view(groups, queries + 2, -1)
    d_head = index.shape[-1]
    return [
        Columns(module, index[:, :queries].reshape(-1, d_head)),
        Columns(module, index[:, queries]),
        Columns(module, index[:, queries + 1]),
    ]


def _gpt2(block: Any, config: Any) -> Layer:
    n, out = config.n_head, block.mlp.c_proj
    q, k, v = _side_by_side(block.attn.c_attn, config.n_embd // n, n, n, n)
    return Layer(block, block.ln_1, q, k, v, block.attn.c_proj, block.mlp, out, out, block.ln_2)


def _gpt_bigcode(block: Any, config: Any) -> Layer:
    n, d_head, joint = config.n_head, config.n_embd // config.n_head, block.attn.c_attn
    q, k, v = _side_by_side(joint, d_head, n, 1, 1) if config.multi_query else _interleaved(joint, n, 1)
    out = block.mlp.c_proj
    return Layer(block, block.ln_1, q, k, v, block.attn.c_proj, block.mlp, out, out, block.ln_2)


def _gpt_neo(block: Any, config: Any) -> Layer:
    inner = block.attn.attention
    q, k, v = (_together(getattr(inner, f"{part}_proj"), config.num_heads) for part in "qkv")
    return Layer(block, block.ln_1, q, k, v, inner.out_proj, block.mlp, block.mlp.c_proj, block.mlp.c_proj, block.ln_2)


def _gptj(block: Any, config: Any) -> Layer:
    q, k, v = (_together(getattr(block.attn, f"{part}_proj"), config.n_head) for part in "qkv")
    out = block.mlp.fc_out
    return Layer(block, block.ln_1, q, k, v, block.attn.out_proj, block.mlp, out, out, block.ln_1, parallel=True)


def _neox(block: Any, config: Any) -> Layer:
    q, k, v = _interleaved(block.attention.query_key_value, config.num_attention_heads, 1)
    out = block.mlp.dense_4h_to_h
    return Layer(
        block, block.input_layernorm, q, k, v, block.attention.dense, block.mlp, out, out,
        block.post_attention_layernorm, parallel=config.use_parallel_residual,
    )  # fmt: skip


def _opt(block: Any, config: Any) -> Layer:
    attention, before = block.self_attn, config.do_layer_norm_before
    q, k, v = (_together(getattr(attention, f"{part}_proj"), config.num_attention_heads) for part in "qkv")
    return Layer(
        block,
        block.self_attn_layer_norm if before else None,
        q, k, v, attention.out_proj, block.fc1, block.fc2, block.fc2,
        block.final_layer_norm if before else None,
        after_sum=None if before else block.self_attn_layer_norm,
        additive=before,
    )  # fmt: skip


def _bloom(block: Any, config: Any) -> Layer:
    q, k, v = _interleaved(block.self_attention.query_key_value, config.n_head, 1)
    out, carried = block.mlp.dense_4h_to_h, config.apply_residual_connection_post_layernorm
    return Layer(
        block, block.input_layernorm, q, k, v, block.self_attention.dense, block.mlp, out, out,
        block.post_attention_layernorm, around=block.input_layernorm if carried else None,
        additive=not carried,
    )  # fmt: skip


def _falcon(block: Any, config: Any) -> Layer:
    n, joint = config.num_attention_heads, block.self_attention.query_key_value
    if config.new_decoder_architecture:
        q, k, v = _interleaved(joint, config.num_kv_heads, n // config.num_kv_heads)
    elif config.multi_query:
        q, k, v = _side_by_side(joint, config.hidden_size // n, n, 1, 1)
    else:
        q, k, v = _interleaved(joint, n, 1)
    if not config.parallel_attn:
        reads, mlp_reads = block.input_layernorm, block.post_attention_layernorm
    elif config.num_ln_in_parallel_attn == 2:
        reads, mlp_reads = block.ln_attn, block.ln_mlp
    else:
        reads = mlp_reads = block.input_layernorm
    out, parallel = block.mlp.dense_4h_to_h, config.parallel_attn or config.new_decoder_architecture
    return Layer(
        block, reads, q, k, v, block.self_attention.dense, block.mlp, out, out, mlp_reads, parallel=parallel
    )  # fmt: skip


def _mpt(block: Any, config: Any) -> Layer:
    n, out = config.n_heads, block.ffn.down_proj
    q, k, v = _side_by_side(block.attn.Wqkv, config.d_model // n, n, n, n)
    return Layer(block, block.norm_1, q, k, v, block.attn.out_proj, block.ffn, out, out, block.norm_2)


def _separate(block: Any, config: Any) -> tuple[Columns, Columns, Columns]:
    n, shared, attention = config.num_attention_heads, config.num_key_value_heads, block.self_attn
    if hasattr(attention, "qkv_proj"):
        d_head = _width(attention.qkv_proj) // (n + 2 * shared)
        q, k, v = _side_by_side(attention.qkv_proj, d_head, n, shared, shared)
        return q, k, v
    parts = (("q", n), ("k", shared), ("v", shared))
    q, k, v = (_together(getattr(attention, f"{part}_proj"), count) for part, count in parts)
    return q, k, v


def _llama(block: Any, config: Any) -> Layer:
    """Llama and what is built like it, mixtures of experts included."""
    out = getattr(block.mlp, "down_proj", None)
    return Layer(
        block, block.input_layernorm, *_separate(block, config), block.self_attn.o_proj, block.mlp, out or block.mlp,
        out, block.post_attention_layernorm, multiplier=getattr(config, "residual_multiplier", 1.0),
        clip=getattr(config, "clip_qkv", None),
    )  # fmt: skip


def _gemma(block: Any, config: Any) -> Layer:
    """Gemma 2 and 3: norms before and after."""
    return replace(
        _llama(block, config),
        after_attention=block.post_attention_layernorm,
        mlp_reads=block.pre_feedforward_layernorm,
        after_mlp=block.post_feedforward_layernorm,
    )


def _olmo2(block: Any, config: Any) -> Layer:
    """OLMo 2 and 3: norms after, none before."""
    out = block.mlp.down_proj
    return Layer(
        block, None, *_separate(block, config), block.self_attn.o_proj, block.mlp, out, out, None,
        after_attention=block.post_attention_layernorm, after_mlp=block.post_feedforward_layernorm,
    )  # fmt: skip


def _cohere(block: Any, config: Any) -> Layer:
    out = block.mlp.down_proj
    return Layer(
        block, block.input_layernorm, *_separate(block, config), block.self_attn.o_proj, block.mlp, out, out,
        block.input_layernorm, parallel=True,
    )  # fmt: skip


def _stablelm(block: Any, config: Any) -> Layer:
    if config.use_parallel_residual:
        return _cohere(block, config)
    return _llama(block, config)


def _phi(block: Any, config: Any) -> Layer:
    out = block.mlp.fc2
    return Layer(
        block, block.input_layernorm, *_separate(block, config), block.self_attn.dense, block.mlp, out, out,
        block.input_layernorm, parallel=True,
    )  # fmt: skip


def _starcoder2(block: Any, config: Any) -> Layer:
    out = block.mlp.c_proj
    return Layer(
        block, block.input_layernorm, *_separate(block, config), block.self_attn.o_proj, block.mlp, out, out,
        block.post_attention_layernorm,
    )  # fmt: skip


def _deepseek(block: Any, config: Any) -> Layer:
    """DeepSeek: queries, keys and values are made from latent vectors, and a part of its key all heads share."""
    n, attention, out = config.num_attention_heads, block.self_attn, getattr(block.mlp, "down_proj", None)
    index = torch.arange(_width(attention.kv_b_proj)).view(n, -1)[:, config.qk_nope_head_dim :]

    def latent(normed: Tensor) -> Tensor:
        return attention.kv_a_layernorm.forward(
            attention.kv_a_proj_with_mqa.forward(normed)[..., : config.kv_lora_rank]
        )

    def query_latent(normed: Tensor) -> Tensor:
        return attention.q_a_layernorm.forward(attention.q_a_proj.forward(normed))

    q = replace(_together(attention.q_b_proj, n), before=query_latent)
    none = Columns(attention.kv_b_proj, torch.empty(0, 0, dtype=torch.long))
    return Layer(
        block, block.input_layernorm, q, none, Columns(attention.kv_b_proj, index, latent), attention.o_proj,
        block.mlp, out or block.mlp, out, block.post_attention_layernorm,
    )  # fmt: skip


LAYERS: dict[str, Callable[[Any, Any], Layer]] = {
    "gpt2": _gpt2,
    "gpt_bigcode": _gpt_bigcode,
    "gpt_neo": _gpt_neo,
    "gptj": _gptj,
    "gpt_neox": _neox,
    "opt": _opt,
    "bloom": _bloom,
    "falcon": _falcon,
    "mpt": _mpt,
    "gemma2": _gemma,
    "gemma3_text": _gemma,
    "olmo2": _olmo2,
    "olmo3": _olmo2,
    "cohere": _cohere,
    "stablelm": _stablelm,
    "phi": _phi,
    "starcoder2": _starcoder2,
    "deepseek_v3": _deepseek,
    **dict.fromkeys(
        (
            "llama", "mistral", "qwen2", "qwen3", "gemma", "phi3", "olmo", "granite", "mixtral", "qwen2_moe",
            "qwen3_moe", "gpt_oss", "smollm3",
        ),
        _llama,
    ),
}  # fmt: skip
