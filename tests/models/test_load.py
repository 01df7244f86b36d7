"""Weights on disk → a model ready to be measured, with where it came from."""

import hashlib
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.model_names import NANO_FOLDER, NANO_TOKENIZER, bundled_checkpoints

MODEL = "nano-attn-1l"


@pytest.fixture
def folder(tmp_path):
    for file in ("config.json", "model.safetensors"):
        shutil.copy(NANO_FOLDER / MODEL / file, tmp_path / file)
    return tmp_path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def message(name, **given):
    with pytest.raises(MiChecksError) as error:
        load(name, **{"device": "cpu", **given})
    return str(error.value)


def test_provenance_of_a_bundled_model():
    loaded_model = load(MODEL, device="cpu")
    found = loaded_model.provenance
    assert loaded_model.name == MODEL
    assert loaded_model.n_ctx >= 128
    assert found.source == "bundled"
    assert found.weights_sha256 == sha256(NANO_FOLDER / MODEL / "model.safetensors")
    assert found.tokenizer_sha256 == sha256(NANO_TOKENIZER)
    assert (found.dtype, found.device, found.mode) == ("float32", "cpu", "raw")


def test_a_checkpoint_has_other_weights():
    name, path = next(iter(bundled_checkpoints().items()))
    found = load(name, device="cpu").provenance
    assert found.source == "bundled"
    assert found.weights_sha256 == sha256(path)
    assert found.weights_sha256 != sha256(NANO_FOLDER / name.split("@")[0] / "model.safetensors")


def test_provenance_of_a_folder(folder):
    loaded_model = load(f"{MODEL}={folder}", device="cpu")
    assert loaded_model.name == MODEL
    assert loaded_model.provenance.source == str(folder)
    assert loaded_model.provenance.weights_sha256 == sha256(folder / "model.safetensors")


def test_provenance_of_a_folder_named_without_a_slash(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert load(folder.name, device="cpu").provenance.source != "bundled"


def test_a_folders_own_tokenizer_is_used(folder):
    tokenizer = json.loads(NANO_TOKENIZER.read_text(encoding="utf-8"))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")  # the same, in other bytes
    found = load(str(folder), device="cpu").provenance
    assert found.tokenizer_sha256 == sha256(folder / "tokenizer.json") != sha256(NANO_TOKENIZER)


def test_every_weight_is_the_files():
    """A weight that was not in the file would be a random one."""
    bridge = load(MODEL, device="cpu").bridge
    stored = load_file(NANO_FOLDER / MODEL / "model.safetensors")
    torch.testing.assert_close(bridge.blocks[0].attn.o.weight.data, stored["layers.0.attn.o.weight"].float())
    torch.testing.assert_close(bridge.embed.weight.data, stored["tok_embed.weight"].float())
    assert not bridge.training
    assert not any(parameter.requires_grad for parameter in bridge.parameters())


def test_loading_twice_gives_the_same_logits():
    tokens = torch.arange(1, 20)[None]
    with torch.no_grad():
        one, other = (load(MODEL, device="cpu").bridge(tokens) for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_dtype(dtype):
    loaded_model = load(MODEL, device="cpu", dtype=dtype)
    assert {parameter.dtype for parameter in loaded_model.bridge.parameters()} == {getattr(torch, dtype)}
    assert loaded_model.provenance.dtype == dtype


def test_auto_takes_what_there_is():
    assert load(MODEL).provenance.device == ("cuda" if torch.cuda.is_available() else "cpu")


def test_a_device_of_no_kind():
    assert message(MODEL, device="warp") == "unknown device 'warp'; use auto, cpu, cuda or cuda:N"


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a GPU")
@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
def test_a_gpu_that_is_not_there(device):
    assert message(MODEL, device=device) == (
        f"device {device!r} was requested, but this machine has no CUDA device; use cpu or auto"
    )


def test_weights_missing(folder):
    (folder / "model.safetensors").unlink()
    assert message(str(folder)) == f"model {str(folder)!r}: {folder}/model.safetensors is missing"


def test_weights_that_are_none(folder):
    (folder / "model.safetensors").write_bytes(b"not weights")
    assert message(str(folder)).startswith(
        f"model {str(folder)!r}: {folder}/model.safetensors does not fit config.json: Error while deserializing header"
    )


def test_weights_of_another_width_name_one_that_does_not_fit(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"d_model": 96, "d_head": 16}))
    found = message(str(folder))
    assert "does not fit config.json" in found
    assert "192" in found
    assert "96" in found


def test_weights_of_more_layers_name_one_that_is_too_many(folder):
    shutil.copy(NANO_FOLDER / "nano-attn-2l" / "model.safetensors", folder / "model.safetensors")
    found = message(str(folder))
    assert "does not fit config.json" in found
    assert "1.attn" in found
