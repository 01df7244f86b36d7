"""A corpus and a model small enough to train inside a test."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from training import train as training
from training.model import NanoShape

D_VOCAB = 64
TINY = NanoShape(1, "gelu", False, d_model=32, d_head=16, n_heads=2, d_mlp=64, d_vocab=D_VOCAB)
TINY_TWO = NanoShape(2, "gelu", True, d_model=32, d_head=16, n_heads=2, d_mlp=64, d_vocab=D_VOCAB)


@pytest.fixture(autouse=True)
def one_thread() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Token arrays in the layout of `prepare`: code counts up, prose counts down, both with noise."""
    folder = tmp_path / "data"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for kind, stride in (("code", 1), ("prose", -1)):
        for split, size in (("train", 20_000), ("held_out", 3_000)):
            tokens = np.arange(size) * stride % (D_VOCAB - 1) + 1
            noise = rng.random(size) < 0.2
            tokens[noise] = rng.integers(1, D_VOCAB, noise.sum())
            np.save(folder / f"{kind}-{split}.npy", tokens.astype(np.uint16))
    return folder


@pytest.fixture
def tiny_shapes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`nano-attn-2l` and `nano-gelu-1l`, made tiny wherever their shapes are looked up."""
    for name, shape in (("nano-gelu-1l", TINY), ("nano-attn-2l", TINY_TWO)):
        monkeypatch.setitem(training.SHAPES, name, shape)


@pytest.fixture
def counted(data: Path) -> Path:
    """`data` with its packages' characters already counted, so that nothing is fetched."""
    from hashlib import sha256

    from training.corpus import MANIFEST, packages

    characters = {f"{p.name} train": 1000 + i for i, p in enumerate(packages())}
    digest = sha256(MANIFEST.read_bytes()).hexdigest()
    (data / "characters.json").write_text(json.dumps({"manifest": digest, "characters": characters}))
    return data
