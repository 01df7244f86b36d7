"""GGUF files: written here from a small model, and SmolLM2 where it was fetched."""

import hashlib
import os
import sys

import pytest
import torch

from mi_checks.errors import MiChecksError
from mi_checks.models.load_model import load
from mi_checks.models.model_names import resolve
from mi_checks.models.sources.packaged_model import SMOLLM2
from mi_checks.spec.node_names import ModelShape
from tests.models.gguf_files import gemma3, qwen2, qwen3, write_gguf
from tests.models.written import TOKENS, VOCABULARY, llama, write_huggingface

with_reader = pytest.mark.skipif("not __import__('importlib.util').util.find_spec('gguf')", reason="gguf not installed")
with_smollm2 = pytest.mark.skipif(
    not SMOLLM2.is_fetched, reason="smollm2-135m not fetched: mi-checks models fetch smollm2-135m"
)


def message(name):
    with pytest.raises(MiChecksError) as error:
        load(str(name), device="cpu")
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def written(tmp_path):
    model = write_huggingface(tmp_path / "hf", llama())
    write_gguf(tmp_path / "small.gguf", model)
    return tmp_path / "small.gguf", model


@with_reader
def test_logits_are_those_of_the_model_it_was_made_from(written, capfd):
    path, model = written
    shape = ModelShape(2, 4, 48, shared_kv_heads=2)
    assert resolve(f"gguf:{path}").shape == shape
    loaded_model = load(f"gguf:{path}", device="cpu")
    assert capfd.readouterr() == ("", "")
    assert loaded_model.shape == shape
    with torch.no_grad():
        torch.testing.assert_close(loaded_model.bridge(TOKENS), model(TOKENS).logits, rtol=1e-4, atol=1e-4)
    assert loaded_model.tokenization.bos is None
    assert "".join(loaded_model.tokenization.pieces("import numpy as np")) == "import numpy as np"
    assert loaded_model.provenance.source == f"gguf:{path}"
    assert loaded_model.provenance.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@with_reader
@pytest.mark.parametrize(
    ("architecture", "config"), [("llama", llama), ("qwen2", qwen2), ("qwen3", qwen3), ("gemma3", gemma3)]
)
def test_case_14_rows_and_norms_of_each_family(tmp_path, architecture, config):
    """Logits against those of the model that the file was made from, longer than Gemma's window."""
    model = write_huggingface(tmp_path / "hf", config())
    write_gguf(tmp_path / "small.gguf", model, architecture)
    tokens = torch.randint(VOCABULARY, (2, 40), generator=torch.Generator().manual_seed(0))
    loaded_model = load(f"gguf:{tmp_path / 'small.gguf'}", device="cpu")
    with torch.no_grad():
        found, wanted = loaded_model.bridge(tokens), model(tokens).logits
    assert wanted.std() > 0.1
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4 * float(wanted.abs().max()))
    shape = resolve(f"gguf:{tmp_path / 'small.gguf'}").shape
    assert shape == loaded_model.shape == ModelShape(config().num_hidden_layers, 4, 48, shared_kv_heads=2)


@with_reader
def test_case_14_a_tokenizer_that_begins_texts(tmp_path):
    import gguf

    model = write_huggingface(tmp_path / "hf", llama())
    own = gguf.GGUFWriter.add_eos_token_id
    try:
        gguf.GGUFWriter.add_eos_token_id = lambda self, token: (self.add_add_bos_token(True), own(self, token))
        write_gguf(tmp_path / "small.gguf", model)
    finally:
        gguf.GGUFWriter.add_eos_token_id = own
    tokenization = load(f"gguf:{tmp_path / 'small.gguf'}", device="cpu").tokenization
    assert tokenization.bos == 0
    assert tokenization.ids(" name")[0] != 0


@with_reader
def test_case_14_a_librarys_list_of_everything_it_knows_is_cut_short(written, monkeypatch):
    path, _ = written
    known = ", ".join(f"'Architecture{n}ForCausalLM'" for n in range(300))

    def refuse(*_, **__):
        raise ValueError(f"Could not determine supported architecture from config. Available: [{known}]\nand more")

    monkeypatch.setattr("transformer_lens.model_bridge.TransformerBridge.boot_transformers", refuse)
    found = message(f"gguf:{path}")
    assert found.startswith(
        f"model 'gguf:{path}': TransformerLens cannot wrap LlamaForCausalLM: Could not determine supported architecture"
    )
    assert found.endswith("…")
    assert len(found) < 500 + len(str(path))


@with_reader
def test_cut_short(written):
    path, _ = written
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert message(f"gguf:{path}") == f"model 'gguf:{path}': {path} is not a GGUF file, or is truncated"
    path.write_bytes(whole[: len(whole) // 2])
    assert message(f"gguf:{path}").startswith(f"model 'gguf:{path}': ")


@with_reader
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a GGUF file, or is truncated"),
        (b"not weights at all, but long enough", "is not a GGUF file"),
        (b"GGUF\x09\0\0\0" + bytes(16), "is GGUF version 9; only versions 2 and 3 are supported"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 40, "is not a GGUF file, or is truncated"),
    ],
)
def test_what_is_no_gguf_file(tmp_path, content, reason):
    path = tmp_path / "x.gguf"
    path.write_bytes(content)
    assert message(f"gguf:{path}") == f"model 'gguf:{path}': {path} {reason}"
    with pytest.raises(MiChecksError, match=r"^model 'gguf:.*x\.gguf': .*GGUF"):
        _ = resolve(f"gguf:{path}").shape


@with_reader
def test_an_architecture_that_nobody_knows(tmp_path):
    import gguf

    path = tmp_path / "x.gguf"
    writer = gguf.GGUFWriter(path, "nobodys")
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()
    assert resolve(f"gguf:{path}").shape is None
    assert message(f"gguf:{path}").startswith(f"model 'gguf:{path}': ")


def test_without_the_reader(tmp_path, monkeypatch):
    path = tmp_path / "x.gguf"
    path.write_bytes(b"GGUF\x03\0\0\0" + bytes(16))
    monkeypatch.setitem(sys.modules, "gguf", None)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert message(f"gguf:{path}") == (
        f"model 'gguf:{path}': GGUF files require the package gguf; install it with pip install 'mi-checks[gguf]'"
    )


def test_smollm2_without_having_fetched_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path))
    assert resolve("smollm2-135m").shape == ModelShape(30, 9, 1536, shared_kv_heads=3)
    wanted = "model 'smollm2-135m': not fetched yet; fetch it once (93 MB): mi-checks models fetch smollm2-135m"
    assert message("smollm2-135m") == wanted
    with pytest.raises(MiChecksError) as error:
        resolve("smollm2-135m").check_loadable()
    assert str(error.value) == wanted


@with_reader
def test_another_file_in_its_place(written, tmp_path, monkeypatch):
    path, _ = written
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path / "cache"))
    SMOLLM2.path.parent.mkdir(parents=True)
    path.rename(SMOLLM2.path)
    assert message("smollm2-135m") == (
        f"model 'smollm2-135m': {SMOLLM2.path} is not the file that was downloaded; "
        "run mi-checks models fetch smollm2-135m"
    )


GEMMA3 = os.environ.get("MI_CHECKS_GEMMA3_GGUF")  # gemma-3-270m-q4_k_m.gguf, where there is one


@with_reader
@pytest.mark.skipif(not GEMMA3, reason="MI_CHECKS_GEMMA3_GGUF names no file")
def test_case_14_gemma_3():
    loaded_model = load(f"gguf:{GEMMA3}", device="cpu")
    assert loaded_model.shape == ModelShape(18, 4, 2048, shared_kv_heads=1)
    tokenization = loaded_model.tokenization
    assert tokenization.piece(tokenization.bos) == "<bos>"
    assert not tokenization.writes_space
    mary, john = (tokenization.ids_after(f" {name}")[0] for name in ("Mary", "John"))
    gaps = []
    for giver in ("John", "Mary"):
        text = f"When Mary and John went to the store, {giver} gave a drink to"
        tokens = torch.tensor([[tokenization.bos, *tokenization.ids(text)]])
        with torch.no_grad():
            logits = loaded_model.bridge(tokens)[0, -1]
        gaps.append(float(logits[mary] - logits[john]))
    assert gaps[0] > 3 > -3 > gaps[1]


@with_reader
@with_smollm2
def test_smollm2():
    loaded_model = load("smollm2-135m", device="cpu")
    assert loaded_model.shape == resolve("smollm2-135m").shape
    assert loaded_model.n_ctx == 8192
    assert (loaded_model.provenance.weights_sha256, loaded_model.provenance.revision) == (SMOLLM2.sha256, "0.1.2")
    tokenization = loaded_model.tokenization
    assert tokenization.bos is None  # its tokenizer puts nothing before a text
    assert len(tokenization.pieces(" Claire")) == 1
    text = "When Mary and John went to the store, John gave a drink to"
    tokens = torch.tensor([tokenization.encode(text)[0]])
    with torch.no_grad():
        logits = loaded_model.bridge(tokens)[0, -1]
    assert tokenization.piece(int(logits.argmax())) == " Mary"
