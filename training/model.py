"""The nano architecture in plain PyTorch, fast to train, with the parameter names of TransformerLens' native model.

`TransformerBridge.boot_native` builds the same function from the same names, so that weights are transferred with
`load_state_dict`; `tests/training/test_nano_equals_bridge.py` tests that the two are equal.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention, softmax


@dataclass(frozen=True)
class NanoShape:
    """The parameters from which `TransformerBridgeConfig` rebuilds the model."""

    n_layers: int
    act_fn: str  # "gelu" or "solu_ln"; unused when attn_only
    attn_only: bool
    d_model: int = 192
    d_head: int = 32
    n_heads: int = 6
    d_mlp: int = 768
    n_ctx: int = 128
    d_vocab: int = 2048
    eps: float = 1e-5

    def bridge_config(self) -> dict[str, object]:
        """Return the keys and values of `config.json`, for `TransformerBridgeConfig`."""
        return {
            **asdict(self),
            "normalization_type": "LN",
            "positional_embedding_type": "standard",
            "architecture": "TransformerLensNative",
        }


FAMILIES = {"attn": ("gelu", True), "gelu": ("gelu", False), "solu": ("solu_ln", False)}
SHAPES = {
    f"nano-{family}-{layers}l": NanoShape(layers, act_fn, attn_only)
    for family, (act_fn, attn_only) in FAMILIES.items()
    for layers in (1, 2, 3, 4)
}


class Attention(nn.Module):
    def __init__(self, shape: NanoShape) -> None:
        super().__init__()
        width = shape.n_heads * shape.d_head
        self.n_heads = shape.n_heads
        self.q = nn.Linear(shape.d_model, width)
        self.k = nn.Linear(shape.d_model, width)
        self.v = nn.Linear(shape.d_model, width)
        self.o = nn.Linear(width, shape.d_model)

    def forward(self, x: Tensor) -> Tensor:
        batch, pos, _ = x.shape
        q, k, v = (m(x).view(batch, pos, self.n_heads, -1).transpose(1, 2) for m in (self.q, self.k, self.v))
        z = scaled_dot_product_attention(q, k, v, is_causal=True)
        out: Tensor = self.o(z.transpose(1, 2).reshape(batch, pos, -1))
        return out


class MLP(nn.Module):
    def __init__(self, shape: NanoShape) -> None:
        super().__init__()
        self.fc_in = nn.Linear(shape.d_model, shape.d_mlp)
        self.fc_out = nn.Linear(shape.d_mlp, shape.d_model)
        self.ln = nn.LayerNorm(shape.d_mlp, eps=shape.eps) if shape.act_fn == "solu_ln" else None

    def forward(self, x: Tensor) -> Tensor:
        pre = self.fc_in(x)
        # SoLU, https://transformer-circuits.pub/2022/solu: x · softmax(x), then its layer norm
        mid = gelu(pre) if self.ln is None else self.ln(pre * softmax(pre, dim=-1))
        out: Tensor = self.fc_out(mid)
        return out


class Block(nn.Module):
    def __init__(self, shape: NanoShape) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(shape.d_model, eps=shape.eps)
        self.attn = Attention(shape)
        self.ln2 = None if shape.attn_only else nn.LayerNorm(shape.d_model, eps=shape.eps)
        self.mlp = None if shape.attn_only else MLP(shape)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln1(x))
        return x if self.mlp is None or self.ln2 is None else x + self.mlp(self.ln2(x))


class NanoModel(nn.Module):
    """A nano model: tokens `batch pos` → logits `batch pos d_vocab`."""

    def __init__(self, shape: NanoShape) -> None:
        super().__init__()
        self.shape = shape
        self.tok_embed = nn.Embedding(shape.d_vocab, shape.d_model)
        self.pos = nn.Embedding(shape.n_ctx, shape.d_model)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.n_layers))
        self.ln_out = nn.LayerNorm(shape.d_model, eps=shape.eps)
        self.head = nn.Linear(shape.d_model, shape.d_vocab, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.tok_embed(tokens) + self.pos.weight[: tokens.shape[1]]
        for block in self.layers:
            x = block(x)
        logits: Tensor = self.head(self.ln_out(x))
        return logits


def initialise(model: NanoModel, seed: int) -> None:
    """Apply GPT-2's initialisation: N(0, 0.02), residual writers divided by √(2 · layers), biases zero."""
    generator = torch.Generator().manual_seed(seed)
    residual = 0.02 / math.sqrt(2 * model.shape.n_layers)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.dim() == 2:
                std = residual if name.endswith(("attn.o.weight", "mlp.fc_out.weight")) else 0.02
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)
