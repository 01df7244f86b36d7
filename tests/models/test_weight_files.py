"""Pickles of tensors in a folder and on the hub, adapters, and weights in files that are not read (case 13)."""

import json
import pickle

import pytest
import torch
from safetensors.torch import load_file, save_file

from mi_checks.errors import MiChecksError
from mi_checks.models.downloads import download_from_hub
from mi_checks.models.load_model import load
from mi_checks.models.model_names import NANO_FOLDER, resolve
from mi_checks.models.sources.hub_model import HubModel
from mi_checks.models.sources.weight_files import sha256
from tests.models.written import TOKENS, gpt2, llama, toy_config, write_huggingface, write_legacy


def message(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 600
    return str(error.value)


def as_pickles(folder, shards=1):
    """Write a folder's safetensors as pickles instead, in one file or several with an index."""
    weights = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    if shards == 1:
        torch.save(weights, folder / "pytorch_model.bin")
        return
    names, where = sorted(weights), {}
    for shard in range(shards):
        file = f"pytorch_model-{shard + 1:05d}-of-{shards:05d}.bin"
        own = names[shard::shards]
        torch.save({name: weights[name] for name in own}, folder / file)
        where |= dict.fromkeys(own, file)
    size = sum(tensor.nbytes for tensor in weights.values())
    index = {"metadata": {"total_size": size}, "weight_map": where}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


@pytest.mark.parametrize(("config", "shards"), [(llama, 1), (gpt2, 1), (llama, 3)])
def test_case_13_pickles_of_tensors_are_read(tmp_path, config, shards):
    model = write_huggingface(tmp_path, config())
    as_pickles(tmp_path, shards)
    files = sorted(tmp_path.glob("pytorch_model*.bin"))
    loaded_model = load(str(tmp_path), device="cpu")
    with torch.no_grad():
        torch.testing.assert_close(loaded_model.bridge(TOKENS), model(TOKENS).logits, rtol=1e-4, atol=1e-4)
    assert len(files) == shards
    assert loaded_model.provenance.weights_sha256 == sha256(files) == resolve(str(tmp_path)).weights_sha256()


def test_case_13_safetensors_are_preferred(tmp_path):
    write_huggingface(tmp_path, llama())
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Harmful()))
    load(str(tmp_path), device="cpu")


@pytest.mark.parametrize("shards", [1, 2])
@pytest.mark.parametrize("how", ["plain", "torch", "nested"])
def test_case_13_a_pickle_with_code_is_refused_by_name_and_not_run(tmp_path, how, shards):
    write_huggingface(tmp_path, llama())
    as_pickles(tmp_path, shards)
    file = sorted(tmp_path.glob("pytorch_model*.bin"))[-1]
    weights = torch.load(file, weights_only=True)
    if how == "plain":
        file.write_bytes(pickle.dumps(Harmful()))
    else:
        torch.save(Harmful() if how == "torch" else weights | {"model.norm.weight": Harmful()}, file)
    assert message(tmp_path) == (
        f"model {str(tmp_path)!r}: {file} contains more than tensors, and only tensors are loaded (weights_only=True)"
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"not weights", "is not a weights file: "),
        (b"", "is not a weights file: "),
        (None, "is not a state dict (a mapping of names to tensors)"),
    ],
)
def test_case_13_a_pickle_that_is_no_state_dict(tmp_path, content, reason):
    write_huggingface(tmp_path, llama())
    as_pickles(tmp_path)
    file = tmp_path / "pytorch_model.bin"
    if content is None:
        torch.save({"model": torch.load(file, weights_only=True)}, file)
    else:
        file.write_bytes(content)
    assert message(tmp_path).startswith(f"model {str(tmp_path)!r}: {file} {reason}")


def test_case_13_a_pickle_without_one_of_the_weights(tmp_path):
    write_huggingface(tmp_path, llama())
    as_pickles(tmp_path)
    weights = torch.load(tmp_path / "pytorch_model.bin", weights_only=True)
    del weights["model.layers.1.self_attn.q_proj.weight"]
    torch.save(weights, tmp_path / "pytorch_model.bin")
    assert message(tmp_path).endswith("its files lack weights: model.layers.1.self_attn.q_proj.weight")


def test_case_13_a_shard_is_missing_or_elsewhere(tmp_path):
    write_huggingface(tmp_path, llama())
    as_pickles(tmp_path, 2)
    index = tmp_path / "pytorch_model.bin.index.json"
    where = json.loads(index.read_text())
    (tmp_path / "pytorch_model-00002-of-00002.bin").unlink()
    assert message(tmp_path).endswith(
        f"{tmp_path}/pytorch_model-00002-of-00002.bin is missing, although pytorch_model.bin.index.json lists it"
    )
    where["weight_map"] = dict.fromkeys(where["weight_map"], "../pytorch_model.bin")
    index.write_text(json.dumps(where))
    assert message(tmp_path).endswith("lists '../pytorch_model.bin', which is not in its folder")


@pytest.mark.parametrize("name", ["consolidated.00.pth", "model.fp16.safetensors", "flax_model.msgpack", "tf_model.h5"])
def test_case_13_weights_in_files_of_another_name(tmp_path, name):
    write_huggingface(tmp_path, llama())
    (tmp_path / "model.safetensors").rename(tmp_path / name)
    assert message(tmp_path) == (
        f"model {str(tmp_path)!r}: {tmp_path} contains neither model.safetensors nor pytorch_model.bin, and "
        f"weights in other files are not read ({name}); save them with save_pretrained"
    )


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_case_13_what_git_leaves_in_place_of_weights(tmp_path, name):
    write_huggingface(tmp_path, llama())
    (tmp_path / "model.safetensors").unlink()
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    assert f"{tmp_path / name} is a Git LFS pointer, not the weights" in message(tmp_path)


def test_case_13_a_gguf_file_in_the_folder_is_hinted_at(tmp_path):
    write_huggingface(tmp_path, llama())
    (tmp_path / "model.safetensors").rename(tmp_path / "x.gguf")
    assert message(tmp_path).endswith(f"(x.gguf); write gguf:{tmp_path}/x.gguf")


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"])
def test_case_13_an_adapter_beside_base_weights_is_not_left_out_silently(tmp_path, file):
    write_huggingface(tmp_path, llama())
    (tmp_path / file).write_text('{"base_model_name_or_path": "org/base", "peft_type": "LORA"}')
    found = message(tmp_path)
    assert found.startswith(
        f"model {str(tmp_path)!r}: {tmp_path} contains an adapter beside its base model ({file}), and adapters are not "
        "applied; merge it into its base model with the package peft"
    )
    assert found.endswith("or move the adapter away to measure the base model alone")
    with pytest.raises(MiChecksError, match="adapters are not applied"):
        resolve(str(tmp_path)).check_loadable()  # before anything is run


def test_case_13_a_folder_that_is_an_adapter_alone(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    save_file({"x": torch.zeros(1)}, tmp_path / "adapter_model.safetensors")
    found = message(tmp_path)
    assert f"{tmp_path} is only an adapter (adapter_config.json), and adapters are not applied" in found
    assert found.endswith("or measure its base model (org/base) alone")


def test_case_13_an_adapter_in_the_other_layouts(tmp_path):
    write_legacy(tmp_path, toy_config())
    (tmp_path / "adapter_config.json").write_text("{}")
    assert "contains an adapter beside its base model" in message(tmp_path)
    with pytest.raises(MiChecksError, match="adapters are not applied"):
        resolve(f"nano-attn-2l={tmp_path}").check_loadable()
    assert not list(NANO_FOLDER.glob("*/adapter*"))


def asked_of_the_hub(monkeypatch, folder):
    """Let downloads give this folder, and note the names of files that are asked for."""
    asked = []

    def snapshot_download(repo, revision, allow_patterns):
        asked.append((repo, revision, tuple(allow_patterns)))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot_download)
    return asked


def test_case_13_the_hub_is_asked_for_pickles_where_it_has_no_safetensors(tmp_path, monkeypatch):
    write_huggingface(tmp_path, llama())
    asked = asked_of_the_hub(monkeypatch, tmp_path)
    download_from_hub(HubModel("org/name", "v1"))
    assert len(asked) == 1
    first = asked[0][2]
    assert "model.safetensors" in first
    assert "adapter_config.json" in first
    assert not any(pattern.endswith((".bin", ".pth", ".py")) for pattern in first)
    as_pickles(tmp_path, 2)
    (tmp_path / "tokenizer.json").unlink()
    asked.clear()
    download_from_hub(HubModel("org/name", "v1"))
    (_, revision, patterns) = asked[1]
    assert revision == tmp_path.name  # the commit that the first download came to
    assert {"pytorch_model.bin", "pytorch_model.bin.index.json", "pytorch_model-*.bin"} <= set(patterns)
    assert {"vocab.json", "merges.txt", "tokenizer.model", "vocab.txt"} <= set(patterns)


def test_case_13_an_adapter_on_the_hub(tmp_path, monkeypatch):
    (tmp_path / "adapter_config.json").write_text("{}")
    asked_of_the_hub(monkeypatch, tmp_path)
    assert "is only an adapter" in message("org/adapter")
