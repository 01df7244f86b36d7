"""Small models written to folders, in each layout that can be read."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformer_lens.model_bridge import TransformerBridge
from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig, XGLMConfig

from mi_checks.models.model_names import NANO_TOKENIZER

VOCABULARY = 2048
TOKENS = torch.arange(1, 20)[None]


def llama() -> LlamaConfig:
    """Two layers, four heads of which two and two share a key."""
    return LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=64,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )


def gpt2() -> GPT2Config:
    return GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=0
    )


def xglm() -> XGLMConfig:
    """One that calls its numbers by names of its own."""
    return XGLMConfig(
        vocab_size=VOCABULARY, d_model=32, ffn_dim=48, num_layers=2, attention_heads=4, max_position_embeddings=64,
        bos_token_id=0, eos_token_id=0, pad_token_id=0, decoder_start_token_id=0,
    )  # fmt: skip


def write_huggingface(folder: Path, config: Any, *, shard: str = "5GB", tokenizer: bool = True) -> Any:
    """A model of random weights, whose initial ones are too alike to tell a layer from another."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    model.save_pretrained(folder, max_shard_size=shard)
    if tokenizer:
        shutil.copy(NANO_TOKENIZER, folder / "tokenizer.json")
    return model


def toy_config(**more: Any) -> dict[str, Any]:
    """`config.json` as TransformerLens' toy models have it."""
    return {
        "n_layers": 2, "d_model": 32, "d_mlp": 64, "d_head": 8, "n_heads": 4, "n_ctx": 64, "d_vocab": VOCABULARY,
        "act_fn": "gelu", "attn_only": False, "normalization": "LN", "tokenizer_name": "NeelNanda/no-such-tokenizer",
        **more,
    }  # fmt: skip


def native(config: Mapping[str, Any], seed: int) -> TransformerBridge:
    """TransformerLens' own model of that shape with random weights, norms and biases included."""
    keys = ("n_layers", "d_model", "d_mlp", "d_head", "n_heads", "n_ctx", "d_vocab", "act_fn", "attn_only")
    bridge = TransformerBridge.boot_native(
        {
            **{key: config[key] for key in keys},
            "normalization_type": "LN",
            "positional_embedding_type": "standard",
            "architecture": "TransformerLensNative",
        },
        device="cpu",
    )
    generator = torch.Generator().manual_seed(seed)
    for parameter in bridge.parameters():
        parameter.data += 0.3 * torch.randn(parameter.shape, generator=generator)
    return bridge.eval()


def hooked_names(bridge: TransformerBridge, config: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """A native bridge's weights under the names and in the shapes of TransformerLens' former HookedTransformer."""
    n, d, h = config["n_heads"], config["d_model"], config["d_head"]
    found: dict[str, torch.Tensor] = {}
    for name, tensor in bridge.state_dict().items():
        place, _, kind = name.rpartition(".")
        part = place.rpartition(".")[2]
        above = place.rpartition(".")[0]
        weight = kind == "weight"
        if part in ("q", "k", "v"):
            new = tensor.reshape(n, h, d).transpose(1, 2) if weight else tensor.reshape(n, h)
            found[f"{above}.{'W' if weight else 'b'}_{part.upper()}"] = new.contiguous()
        elif part == "o":
            found[f"{above}.{'W' if weight else 'b'}_O"] = tensor.T.reshape(n, h, d).contiguous() if weight else tensor
        elif part in ("in", "out"):
            found[f"{above}.{'W' if weight else 'b'}_{part}"] = tensor.T.contiguous() if weight else tensor
        elif part == "embed":
            found["embed.W_E"] = tensor
        elif part == "pos_embed":
            found["pos_embed.W_pos"] = tensor
        elif part == "unembed":
            found["unembed.W_U" if weight else "unembed.b_U"] = tensor.T.contiguous() if weight else tensor
        else:
            found[f"{place}.{'w' if weight else 'b'}"] = tensor
    for layer in range(config["n_layers"]):  # buffers that such files carry
        found[f"blocks.{layer}.attn.mask"] = torch.ones(4, 4).tril().bool()
        found[f"blocks.{layer}.attn.IGNORE"] = torch.tensor(-1e5)
    return found


def write_legacy(
    folder: Path, config: Mapping[str, Any], *, final: int = 1, checkpoints: Mapping[int, int] | None = None
):
    """A folder as a toy model's repository is; the bridges whose weights it holds, by seed."""
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    shutil.copy(NANO_TOKENIZER, folder / "tokenizer.json")
    checkpoints = checkpoints or {}
    bridges = {seed: native(config, seed) for seed in (final, *checkpoints.values())}
    torch.save(hooked_names(bridges[final], config), folder / "toy_final.pth")
    (folder / "checkpoints").mkdir(exist_ok=True)
    for label, seed in checkpoints.items():
        torch.save(hooked_names(bridges[seed], config), folder / "checkpoints" / f"toy_{label:06d}.pth")
    return bridges


def write_wheel(folder: Path, package: str, version: str, files: Mapping[str, bytes]) -> Path:
    """A wheel that pip downloads."""
    name = f"{package.replace('-', '_')}-{version}"
    path = folder / f"{name}-py3-none-any.whl"
    info = f"{name}.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for file, content in files.items():
            wheel.writestr(file, content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        wheel.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{info}/RECORD", "")
    return path
