"""Whatever a library raises while a model is loaded is one line with a reason, and the library's error its cause."""

import json

import pytest
import torch
from transformers import AutoModel, BertConfig, BertForMaskedLM, FalconConfig, GPTNeoXConfig, T5Config

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.model_names import resolve
from tests.models.written import VOCABULARY, gpt2, llama, write_huggingface
from tests.tokenizers_of_families import write_tokenizer


def refused(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert type(error.value) is MiChecksError
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(f"model {str(name)!r}: ")
    assert len(str(error.value)) < 700
    return error.value


def causes(error):
    while error is not None:
        yield error
        error = error.__cause__


SMALL = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (
            GPTNeoXConfig(**SMALL, intermediate_size=48, attention_bias=False),
            "TransformerLens cannot run it: its adapter for GPT-NeoX expects biases in the attention's projections (",
        ),
        (
            FalconConfig(**SMALL, new_decoder_architecture=True, num_kv_heads=2, bos_token_id=0, eos_token_id=0),
            "TransformerLens cannot run it: its adapter for Falcon cannot split the grouped queries, keys and values",
        ),
    ],
)
def test_case_07_what_transformerlens_is_known_not_to_wrap(tmp_path, config, reason):
    write_huggingface(tmp_path, config)
    error = refused(tmp_path)
    assert reason in str(error)


@pytest.mark.parametrize(
    "raised", [AssertionError(), IndexError("list index"), AttributeError("x"), ZeroDivisionError()]
)
@pytest.mark.parametrize(
    ("where", "who"),
    [
        ("transformers.AutoModelForCausalLM.from_pretrained", "transformers cannot load it: "),
        ("transformer_lens.model_bridge.TransformerBridge.boot_transformers", "TransformerLens cannot wrap Llama"),
        ("mi_checks.models.loaders.transformers_loader.PreTrainedTokenizerFast", "it cannot be loaded: "),
    ],
)
def test_any_error_of_a_library_is_one_line(tmp_path, monkeypatch, raised, where, who):
    write_huggingface(tmp_path, llama())

    def refuse(*_, **__):
        raise raised

    monkeypatch.setattr(where, refuse)
    error = refused(tmp_path)
    assert who in str(error)
    assert (str(raised) or type(raised).__name__) in str(error)
    assert raised in causes(error)


def test_what_ends_the_process_is_not_held_up(tmp_path, monkeypatch):
    write_huggingface(tmp_path, llama())

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("transformers.AutoModelForCausalLM.from_pretrained", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load(str(tmp_path), device="cpu")


@pytest.mark.parametrize("key", ["num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size"])
@pytest.mark.parametrize("value", ["two", -1, None, [1], 0])
def test_a_config_with_a_number_that_makes_no_model(tmp_path, key, value):
    write_huggingface(tmp_path, llama())
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    refused(tmp_path)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[]", b"{", b""])
def test_a_config_that_cannot_be_read(tmp_path, content):
    write_huggingface(tmp_path, llama())
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(MiChecksError, match=r"config\.json: "):
        load(str(tmp_path), device="cpu")
    with pytest.raises(MiChecksError, match=r"config\.json: "):
        _ = resolve(str(tmp_path)).shape


def test_files_that_are_folders(tmp_path):
    write_huggingface(tmp_path, llama())
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / "model.safetensors").mkdir()
    assert "model.safetensors cannot be read: Is a directory" in str(refused(tmp_path))
    (tmp_path / "config.json").unlink()
    (tmp_path / "config.json").mkdir()
    with pytest.raises(MiChecksError, match=r"config\.json: cannot be read: Is a directory"):
        _ = resolve(str(tmp_path)).shape


def test_an_encoder_and_decoder(tmp_path):
    config = T5Config(vocab_size=64, d_model=16, d_kv=4, d_ff=16, num_layers=1, num_heads=4)
    AutoModel.from_config(config).save_pretrained(tmp_path)
    write_tokenizer("t5", tmp_path)
    assert "it is an encoder-decoder model, and only decoder-only models" in str(refused(tmp_path))


def test_a_model_that_sees_what_comes_after(tmp_path):
    config = BertConfig(**(SMALL | {"vocab_size": 512}), intermediate_size=48)
    torch.manual_seed(0)
    model = BertForMaskedLM(config)
    for parameter in model.parameters():
        parameter.data += 0.1 * torch.randn(parameter.shape)
    model.save_pretrained(tmp_path)
    write_tokenizer("bert", tmp_path)
    found = str(refused(tmp_path))
    assert "it is not causal" in found or "TransformerLens cannot wrap" in found


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("config", [llama, gpt2])
def test_models_that_read_from_left_to_right_are_found_causal(tmp_path, config, dtype):
    write_huggingface(tmp_path, config())
    load(str(tmp_path), device="cpu", dtype=dtype)
