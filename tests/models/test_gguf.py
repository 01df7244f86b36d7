"""GGUF files: written here from a small model, and SmolLM2 where it was fetched."""

import hashlib
import sys

import pytest
import torch

from mi_checks.errors import MiChecksError
from mi_checks.models.load import load
from mi_checks.models.names import resolve
from mi_checks.models.sources.packaged import SMOLLM2
from mi_checks.spec.model_shape import ModelShape
from tests.models.written import TOKENS, llama, write_gguf, write_huggingface

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
    subject = load(f"gguf:{path}", device="cpu")
    assert capfd.readouterr() == ("", "")
    assert subject.shape == shape
    with torch.no_grad():
        torch.testing.assert_close(subject.bridge(TOKENS), model(TOKENS).logits, rtol=1e-4, atol=1e-4)
    assert subject.tokenization.bos is None
    assert "".join(subject.tokenization.pieces("import numpy as np")) == "import numpy as np"
    assert subject.provenance.source == f"gguf:{path}"
    assert subject.provenance.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@with_reader
def test_cut_short(written):
    path, _ = written
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    assert message(f"gguf:{path}") == f"model 'gguf:{path}': {path} is not a GGUF file, or is cut short"
    path.write_bytes(whole[: len(whole) // 2])
    assert message(f"gguf:{path}").startswith(f"model 'gguf:{path}': ")


@with_reader
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is not a GGUF file, or is cut short"),
        (b"not weights at all, but long enough", "is not a GGUF file"),
        (b"GGUF\x09\0\0\0" + bytes(16), "is GGUF version 9; 2 and 3 can be read"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 40, "is not a GGUF file, or is cut short"),
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
        f"model 'gguf:{path}': GGUF files are read with the package gguf; install it with pip install 'mi-checks[gguf]'"
    )


def test_smollm2_without_having_fetched_it(tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path))
    assert resolve("smollm2-135m").shape == ModelShape(30, 9, 1536, shared_kv_heads=3)
    wanted = "model 'smollm2-135m': not fetched yet; fetch it once (93 MB): mi-checks models fetch smollm2-135m"
    assert message("smollm2-135m") == wanted
    with pytest.raises(MiChecksError) as error:
        resolve("smollm2-135m").require()
    assert str(error.value) == wanted


@with_reader
def test_another_file_in_its_place(written, tmp_path, monkeypatch):
    path, _ = written
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path / "cache"))
    SMOLLM2.path.parent.mkdir(parents=True)
    path.rename(SMOLLM2.path)
    assert message("smollm2-135m") == (
        f"model 'smollm2-135m': {SMOLLM2.path} is not the file that was fetched; mi-checks models fetch smollm2-135m"
    )


@with_reader
@with_smollm2
def test_smollm2():
    subject = load("smollm2-135m", device="cpu")
    assert subject.shape == resolve("smollm2-135m").shape
    assert subject.n_ctx == 8192
    assert (subject.provenance.weights_sha256, subject.provenance.revision) == (SMOLLM2.sha256, "0.1.2")
    tokenization = subject.tokenization
    assert tokenization.bos is None  # its tokenizer puts nothing before a text
    assert len(tokenization.pieces(" Claire")) == 1
    text = "When Mary and John went to the store, John gave a drink to"
    tokens = torch.tensor([tokenization.encode(text)[0]])
    with torch.no_grad():
        logits = subject.bridge(tokens)[0, -1]
    assert tokenization.piece(int(logits.argmax())) == " Mary"
