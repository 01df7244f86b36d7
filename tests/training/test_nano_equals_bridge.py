"""The plain PyTorch model that trains, and the bridge that people use, are one function of the same weights."""

import json

import pytest
import torch
from transformer_lens.config import TransformerBridgeConfig
from transformer_lens.model_bridge import TransformerBridge
from transformer_lens.model_bridge.sources import build_bridge_from_module
from transformer_lens.model_bridge.sources.native import NativeModel

from training.model import SHAPES, NanoModel

MODELS = ("nano-attn-2l", "nano-gelu-2l", "nano-solu-2l", "nano-solu-1l")


@pytest.fixture(params=MODELS)
def nano(request: pytest.FixtureRequest) -> NanoModel:
    torch.manual_seed(0)
    model = NanoModel(SHAPES[request.param])
    with torch.no_grad():
        for parameter in model.parameters():  # biases and norms too, as all start at 0 or 1 and would hide a mix-up
            parameter.copy_(torch.randn_like(parameter) * 0.1)
    return model


def bridge_of(nano: NanoModel) -> TransformerBridge:
    config = TransformerBridgeConfig.from_dict(json.loads(json.dumps(nano.shape.bridge_config())))
    native = NativeModel(config)
    native.load_state_dict(nano.state_dict())
    bridge = build_bridge_from_module(native, "TransformerLensNative", tl_config=config, model_name="nano")
    bridge.eval()
    return bridge


def test_logits_agree(nano: NanoModel) -> None:
    tokens = torch.randint(0, nano.shape.d_vocab, (3, nano.shape.n_ctx))
    with torch.no_grad():
        expected = nano(tokens)
        found = bridge_of(nano)(tokens)
    assert expected.abs().max() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


def test_boot_native_takes_the_same_config_and_names(nano: NanoModel) -> None:
    bridge = TransformerBridge.boot_native(nano.shape.bridge_config())
    # strict=True would call the MLP's weights missing, as it lists them under an alias only
    weights = {**nano.state_dict(), "head.bias": torch.zeros(nano.shape.d_vocab)}
    assert bridge.load_state_dict(weights, strict=False).unexpected_keys == []
    bridge.eval()
    tokens = torch.randint(0, nano.shape.d_vocab, (2, 16))
    with torch.no_grad():
        torch.testing.assert_close(bridge(tokens), nano(tokens), atol=1e-4, rtol=0)
