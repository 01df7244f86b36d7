"""A folder of Hugging Face's layout, and names on its hub."""

import hashlib
import json
import os
import shutil
import warnings

import pytest
import torch
from safetensors.torch import load_file, save_file

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.model_names import NANO_TOKENIZER, resolve
from mi_checks.spec.node_names import ModelShape
from tests.models.written import TOKENS, VOCABULARY, gpt2, llama, write_huggingface


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def message(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert "\n" not in str(error.value)
    return str(error.value)


def edit(path, **more):
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


@pytest.fixture
def folder(tmp_path):
    write_huggingface(tmp_path, llama())
    return tmp_path


@pytest.mark.parametrize(
    ("config", "shape"),
    [(llama, ModelShape(2, 4, 48, shared_kv_heads=2)), (gpt2, ModelShape(2, 4, 128))],
    ids=["llama", "gpt2"],
)
def test_logits_and_shape_are_those_of_transformers(tmp_path, config, shape):
    model = write_huggingface(tmp_path, config())
    assert resolve(str(tmp_path)).shape == shape
    loaded_model = load(str(tmp_path), device="cpu")
    assert loaded_model.shape == shape
    assert loaded_model.n_ctx == 64
    assert not loaded_model.bridge.training
    assert not any(parameter.requires_grad for parameter in loaded_model.bridge.parameters())
    with torch.no_grad():
        torch.testing.assert_close(loaded_model.bridge(TOKENS), model(TOKENS).logits, rtol=1e-4, atol=1e-4)


def test_provenance(folder):
    found = load(str(folder), device="cpu").provenance
    assert found.source == str(folder)
    assert found.weights_sha256 == sha256(folder / "model.safetensors")
    assert found.tokenizer_sha256 == sha256(folder / "tokenizer.json")
    assert (found.dtype, found.device, found.mode, found.revision) == ("float32", "cpu", "raw", "")


def test_under_the_claims_of_another_model(folder):
    assert load(f"nano-attn-2l={folder}", device="cpu").name == "nano-attn-2l"


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_dtype(folder, dtype):
    loaded_model = load(str(folder), device="cpu", dtype=dtype)
    assert {parameter.dtype for parameter in loaded_model.bridge.parameters()} == {getattr(torch, dtype)}


def test_nothing_is_said_on_the_way(folder, capfd):
    load(str(folder), device="cpu")
    assert capfd.readouterr() == ("", "")


def test_shards(tmp_path):
    model = write_huggingface(tmp_path, llama(), shard="200KB")
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1
    loaded_model = load(str(tmp_path), device="cpu")
    with torch.no_grad():
        torch.testing.assert_close(loaded_model.bridge(TOKENS), model(TOKENS).logits, rtol=1e-4, atol=1e-4)
    lines = "".join(f"{sha256(shard)}  {shard.name}\n" for shard in shards)
    assert loaded_model.provenance.weights_sha256 == hashlib.sha256(lines.encode()).hexdigest()
    shards[1].unlink()
    assert message(tmp_path) == (
        f"model {str(tmp_path)!r}: {shards[1]} is missing, although model.safetensors.index.json lists it"
    )


def test_an_index_that_is_none(folder):
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text("[]")
    assert message(folder).endswith("/model.safetensors.index.json is not a weight index")


@pytest.mark.parametrize(
    ("said", "beginning"),
    [
        ({}, None),  # the bundled tokenizer puts nothing before a text
        ({"add_bos_token": True, "bos_token": "<|endoftext|>"}, 0),
        ({"add_bos_token": True, "bos_token": {"content": "<|endoftext|>"}}, 0),
        ({"add_bos_token": False, "bos_token": "<|endoftext|>"}, None),
        ({"bos_token": "<|endoftext|>"}, None),
    ],
)
def test_prompts_begin_as_the_tokenizer_begins_them(folder, said, beginning):
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    assert load(str(folder), device="cpu").tokenization.bos == beginning


@pytest.mark.parametrize(("said", "beginning"), [({}, 0), ({"add_bos_token": False}, None)])
def test_a_tokenizer_whose_own_template_has_a_beginning(folder, said, beginning):
    special = {"<|endoftext|>": {"id": "<|endoftext|>", "ids": [0], "tokens": ["<|endoftext|>"]}}
    both = [{"SpecialToken": {"id": "<|endoftext|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    processor = {"type": "TemplateProcessing", "single": both, "pair": both, "special_tokens": special}
    edit(folder / "tokenizer.json", post_processor=processor)
    (folder / "tokenizer_config.json").write_text(json.dumps(said))
    assert load(str(folder), device="cpu").tokenization.bos == beginning


def test_a_models_own_code_is_never_run(folder, tmp_path):
    (folder / "modeling_mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    auto = {"AutoConfig": "modeling_mine.Config", "AutoModelForCausalLM": "modeling_mine.Model"}
    edit(folder / "config.json", auto_map=auto, model_type="mine")
    assert message(folder) == (
        f"model {str(folder)!r}: it needs its own code (auto_map in config.json), which is never run"
    )
    edit(folder / "config.json", model_type="llama")  # known without that code
    load(str(folder), device="cpu")
    assert not (tmp_path / "ran").exists()


def test_weights_missing(folder):
    (folder / "model.safetensors").unlink()
    assert message(folder) == f"model {str(folder)!r}: {folder}/model.safetensors is missing"


def test_weights_that_are_none(folder):
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert message(folder).startswith(f"model {str(folder)!r}: ")


def test_a_weight_that_is_not_in_the_file_is_not_drawn_at_random(folder):
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.self_attn.q_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert message(folder) == (f"model {str(folder)!r}: its files lack weights: model.layers.1.self_attn.q_proj.weight")


def test_layers_that_the_config_does_not_count(folder):
    edit(folder / "config.json", num_hidden_layers=1)
    found = message(folder)
    assert found.startswith(
        f"model {str(folder)!r}: its files contain weights that config.json does not describe: model.lay"
    )
    assert found.endswith(" and 6 more")


def test_weights_of_another_width(folder):
    edit(folder / "config.json", intermediate_size=40)
    assert message(folder) == (
        f"model {str(folder)!r}: model.layers.0.mlp.down_proj.weight is 32 × 48 in its files, but its config requires "
        "32 × 40, and 5 more do not fit"
    )


def test_an_architecture_that_nobody_knows(folder):
    edit(folder / "config.json", model_type="nobodys")
    assert "`nobodys`" in message(folder)


def test_a_tokenizer_missing(folder):
    (folder / "tokenizer.json").unlink()
    assert message(folder) == (
        f"model {str(folder)!r}: {folder}/tokenizer.json is missing, and so are vocab.json with merges.txt, "
        "tokenizer.model and vocab.txt; prompts are tokenized with the model's own tokenizer"
    )


def test_a_tokenizer_that_is_none(folder):
    (folder / "tokenizer.json").write_text("{}")
    assert message(folder).startswith(f"model {str(folder)!r}: {folder}/tokenizer.json is not a tokenizer file: ")


def test_a_tokenizer_of_another_model(tmp_path):
    config = llama()
    config.vocab_size = 100
    write_huggingface(tmp_path, config)
    assert message(tmp_path) == (
        f"model {str(tmp_path)!r}: its tokenizer has {VOCABULARY} tokens, but the model embeds 100; it belongs to "
        "another model"
    )


def test_a_checkpoint_of_one(folder):
    assert message(f"{folder}@200") == (
        f"model '{folder}@200': {folder} has no training checkpoints; a folder in transformers' layout holds one model"
    )


def test_keys_that_are_not_the_usual_are_left_to_loading(folder):
    config = json.loads((folder / "config.json").read_text())
    del config["num_hidden_layers"]
    (folder / "config.json").write_text(json.dumps(config))
    assert resolve(str(folder)).shape is None


@pytest.mark.parametrize(
    ("name", "repo"),
    [
        ("hf:gpt2", "gpt2"),
        ("org/name@step1000", "org/name"),
        ("attn-only-2l", "NeelNanda/Attn_Only_2L512W_C4_Code"),
        ("gelu-1l@300", "NeelNanda/GELU_1L512W_C4_Code"),
    ],
)
def test_a_hub_that_cannot_be_reached(name, repo, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert message(name) == (
        f"model {name!r}: the Hugging Face hub cannot be reached (HF_HUB_OFFLINE forbids it), and {repo} is not in its "
        "cache on this machine; connect, or copy the model's folder from another machine and name that folder"
    )


def hub_cache(cache, repo, folder, commit="0123456789abcdef0123456789abcdef01234567"):
    """What a download leaves in the hub's cache."""
    place = cache / f"models--{repo.replace('/', '--')}"
    shutil.copytree(folder, place / "snapshots" / commit)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(commit)
    return commit


def test_what_was_downloaded_once_is_used_again(folder, tmp_path_factory, monkeypatch):
    cache = tmp_path_factory.mktemp("hub")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    commit = hub_cache(cache, "org/name", folder)
    assert resolve("org/name").shape == ModelShape(2, 4, 48, shared_kv_heads=2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded_model = load("org/name", device="cpu")
    assert (loaded_model.provenance.source, loaded_model.provenance.revision) == ("hf:org/name", commit)
    assert loaded_model.provenance.weights_sha256 == sha256(folder / "model.safetensors")


def test_no_connection(monkeypatch, tmp_path):
    """The hub's address is one where nobody answers."""
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    found = message("org/name")
    assert found.startswith("model 'org/name': the Hugging Face hub cannot be reached (no connection), and org/name is")
    assert os.listdir(tmp_path) in ([], ["CACHEDIR.TAG"])


def test_the_bundled_tokenizer_is_not_taken_for_another_models(tmp_path):
    write_huggingface(tmp_path, llama(), tokenizer=False)
    assert "tokenizer.json is missing" in message(tmp_path)
    assert NANO_TOKENIZER.exists()
