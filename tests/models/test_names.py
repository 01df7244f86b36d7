"""Which models there are, by what a user may write."""

from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.names import NANO, bundled, checkpoints, resolve
from mi_checks.spec.shapes import ModelShape


def message(name):
    with pytest.raises(MiChecksError) as error:
        resolve(name)
    return str(error.value)


@pytest.fixture
def folder(tmp_path):
    def folder(config=None):
        if config is not None:
            (tmp_path / "config.json").write_text(config, encoding="utf-8")
        return tmp_path

    return folder


def test_the_six_small_ones_are_bundled():
    kinds = ("attn", "gelu", "solu")
    assert {f"nano-{kind}-{layers}l" for kind in kinds for layers in (1, 2)} <= set(bundled())
    assert list(bundled()) == sorted(bundled())


def test_each_bundled_name_has_its_files():
    for name in bundled():
        found = resolve(name)
        assert (found.claims, found.folder, found.weights) == (name, NANO / name, NANO / name / "model.safetensors")
        assert found.weights.is_file()


def test_shapes_are_read_without_weights():
    assert resolve("nano-attn-2l").shape == ModelShape(n_layers=2, n_heads=6, d_mlp=None)
    gelu = resolve("nano-gelu-1l").shape
    assert (gelu.n_layers, gelu.n_heads) == (1, 6)
    assert gelu.d_mlp == resolve("nano-gelu-1l").config["d_mlp"]


def test_checkpoints_come_in_the_order_of_training():
    found = checkpoints()
    assert {name.split("@")[0] for name in found} >= {"nano-attn-2l", "nano-gelu-2l"}
    for model in {name.split("@")[0] for name in found}:
        steps = [int(name.split("@")[1]) for name in found if name.startswith(f"{model}@")]
        assert steps == sorted(steps)
        assert len(steps) >= 2
    assert all(path.is_file() for path in found.values())


def test_a_checkpoint_has_its_models_shape_and_claims_of_its_own():
    name = next(iter(checkpoints()))
    found = resolve(name)
    assert found.claims == name
    assert found.weights == checkpoints()[name]
    assert found.shape == resolve(name.split("@")[0]).shape


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nano-atn-2l", "; did you mean 'nano-attn-2l'?"),
        ("Nano-Solu-2l", "; did you mean 'nano-solu-2l'?"),
        ("nano-attn-2l@201", "; did you mean 'nano-attn-2l@200'?"),
        ("llama", ""),
    ],
)
def test_an_unknown_name(name, near):
    known = ", ".join((*bundled(), *checkpoints()))
    assert message(name) == f"unknown model {name!r}; bundled models: {known}{near}"


def test_a_folder(folder, monkeypatch):
    here = folder("{}")
    found = resolve(str(here))
    assert (found.claims, found.folder, found.weights) == (str(here), here, here / "model.safetensors")
    monkeypatch.chdir(here.parent)
    assert resolve(here.name).folder == Path(here.name)  # without a slash, where there is one of that name


def test_a_folder_under_the_claims_of_a_model(folder):
    here = folder("{}")
    found = resolve(f"nano-attn-2l={here}")
    assert (found.claims, found.folder) == ("nano-attn-2l", here)


@pytest.mark.parametrize("name", ["./nowhere", "nano-attn-2l=nowhere", "org/nowhere"])
def test_a_folder_that_is_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = str(Path(name.split("=")[-1]))
    assert message(name) == f"model {name!r}: there is no folder {place!r}"


def test_a_folder_without_a_config(folder):
    here = folder()
    with pytest.raises(MiChecksError) as error:
        _ = resolve(str(here)).shape
    assert str(error.value) == f"{here}: no config.json; a model folder holds config.json and model.safetensors"


def test_a_config_that_is_no_json(folder):
    here = folder("{broken")
    with pytest.raises(MiChecksError) as error:
        _ = resolve(str(here)).shape
    assert str(error.value).startswith(f"{here}/config.json: not valid JSON: Expecting property name")


def test_names_need_no_torch(tmp_path):
    import subprocess
    import sys

    code = "import sys\nfrom mi_checks.models.names import bundled\nbundled()\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "False\n"
