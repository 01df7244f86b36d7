"""A folder as TransformerLens' toy models were published."""

import hashlib
import json
import pickle

import pytest
import torch

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.model_names import resolve
from mi_checks.spec.node_names import ModelShape
from tests.models.written import TOKENS, toy_config, write_legacy


def message(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert "\n" not in str(error.value)
    return str(error.value)


def edit(folder, **more):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | more))


@pytest.fixture
def folder(tmp_path):
    write_legacy(tmp_path, toy_config())
    return tmp_path


@pytest.mark.parametrize(
    ("config", "d_mlp"),
    [({"act_fn": "gelu"}, 64), ({"act_fn": "solu_ln"}, 64), ({"attn_only": True}, None)],
    ids=["gelu", "solu", "attn-only"],
)
def test_logits_are_those_of_a_native_bridge_with_these_weights(tmp_path, config, d_mlp):
    bridges = write_legacy(tmp_path, toy_config(**config), final=1, checkpoints={300: 2, 1200: 3})
    assert resolve(str(tmp_path)).shape == ModelShape(2, 4, d_mlp)
    for name, seed in {"": 1, "@300": 2, "@1200": 3}.items():
        loaded_model = load(f"{tmp_path}{name}", device="cpu")
        assert loaded_model.shape == ModelShape(2, 4, d_mlp)
        assert loaded_model.name == f"{tmp_path}{name}"
        with torch.no_grad():
            found, wanted = loaded_model.bridge(TOKENS), bridges[seed](TOKENS)
        assert wanted.std() > 0.1
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


def test_provenance(tmp_path):
    write_legacy(tmp_path, toy_config(), checkpoints={300: 2})
    final, early = (load(f"{tmp_path}{name}", device="cpu").provenance for name in ("", "@300"))
    assert final.source == early.source == str(tmp_path)
    assert (final.revision, early.revision) == ("", "checkpoint 300")
    assert (final.step, early.step) == ("", "300")
    assert final.weights_sha256 == hashlib.sha256((tmp_path / "toy_final.pth").read_bytes()).hexdigest()
    assert early.weights_sha256 != final.weights_sha256


def test_prompts_begin_with_the_token_that_training_texts_began_with(folder):
    assert load(str(folder), device="cpu").tokenization.bos == 0


def test_a_file_without_an_unembedding_bias(folder):
    weights = torch.load(folder / "toy_final.pth", weights_only=True)
    del weights["unembed.b_U"]
    torch.save(weights, folder / "toy_final.pth")
    assert load(str(folder), device="cpu").bridge.unembed.bias.abs().max() == 0


def test_a_checkpoint_that_is_not_there(tmp_path):
    write_legacy(tmp_path, toy_config(), checkpoints={1200: 2, 300: 2})
    assert message(f"{tmp_path}@200") == (
        f"model '{tmp_path}@200': {tmp_path} has no training checkpoint '200'; it has 300, 1200"
    )


def test_no_checkpoints(folder):
    assert message(f"{folder}@200") == (f"model '{folder}@200': {folder} has no training checkpoint '200'; it has none")


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


def test_a_pickle_that_would_run_code_is_refused(folder):
    (folder / "toy_final.pth").write_bytes(pickle.dumps(Harmful()))
    assert message(folder) == (
        f"model {str(folder)!r}: {folder}/toy_final.pth contains more than tensors, and only tensors are loaded "
        "(weights_only=True)"
    )
    torch.save({"embed.W_E": Harmful()}, folder / "toy_final.pth")
    assert "contains more than tensors" in message(folder)


def test_weights_that_are_none(folder):
    (folder / "toy_final.pth").write_bytes(b"PK\x03\x04 not weights")
    assert message(folder).startswith(f"model {str(folder)!r}: {folder}/toy_final.pth is not a weights file: ")


@pytest.mark.parametrize("content", [[1, 2], {"embed.W_E": 3}])
def test_a_file_that_is_no_state_dict(folder, content):
    torch.save(content, folder / "toy_final.pth")
    assert message(folder) == (
        f"model {str(folder)!r}: {folder}/toy_final.pth is not a state dict (a mapping of names to tensors)"
    )


def test_no_final_weights(tmp_path):
    write_legacy(tmp_path, toy_config(), checkpoints={300: 2})
    (tmp_path / "toy_final.pth").unlink()
    assert (
        message(tmp_path)
        == f"model {str(tmp_path)!r}: {tmp_path} contains 0 files *_final.pth, but exactly one is needed"
    )


def test_heads_grouped_otherwise(folder):
    edit(folder, n_heads=2, d_head=16)
    found = message(folder)
    assert found.startswith(f"model {str(folder)!r}: {folder}/toy_final.pth does not fit config.json: ")
    assert "expected (2, 32, 16)" in found


def test_a_weight_missing(folder):
    weights = torch.load(folder / "toy_final.pth", weights_only=True)
    del weights["blocks.1.attn.W_Q"]
    torch.save(weights, folder / "toy_final.pth")
    assert message(folder).endswith("does not fit config.json: blocks.1.attn.q.weight is missing")


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"shortformer_pos": True}, "its positional embedding (shortformer_pos) is no longer supported"),
        ({"architecture": "mingpt"}, "its weights have the layout 'mingpt', which is not supported"),
        ({"act_fn": None}, "its config.json lacks act_fn"),
    ],
)
def test_a_model_that_the_native_one_is_not(folder, config, reason):
    edit(folder, **config)
    assert message(folder).startswith(f"model {str(folder)!r}: {reason}")


def test_a_config_without_its_numbers(folder):
    edit(folder, n_layers="two")
    assert message(folder) == f"{folder}/config.json: needs a whole number for n_layers"


def test_its_tokenizer_is_on_the_hub(folder, monkeypatch, tmp_path_factory):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path_factory.mktemp("hub")))
    (folder / "tokenizer.json").unlink()
    assert message(folder).startswith(
        f"model {str(folder)!r}: its folder has no tokenizer.json, and its tokenizer was not downloaded: the Hugging "
        "Face hub cannot be reached (HF_HUB_OFFLINE forbids it), and NeelNanda/no-such-tokenizer is not in its cache"
    )
