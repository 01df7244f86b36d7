"""Which models there are, by what a user may write."""

from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.model_names import (
    NANO_FOLDER,
    bundled_checkpoints,
    bundled_models,
    is_known,
    known_names,
    resolve,
)
from mi_checks.models.sources.hub_model import TOY_MODELS, HubModel
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.spec.node_names import ModelShape


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


def test_the_twelve_shapes_are_bundled():
    kinds = ("attn", "gelu", "solu")
    assert {f"nano-{kind}-{layers}l" for kind in kinds for layers in (1, 2, 3, 4)} == set(bundled_models())
    assert list(bundled_models()) == sorted(bundled_models())


def test_each_bundled_name_has_its_files():
    for name in bundled_models():
        found = resolve(name)
        source = found.source
        assert (found.claims, source.path, source.weights) == (
            name,
            NANO_FOLDER / name,
            NANO_FOLDER / name / "model.safetensors",
        )
        assert source.weights.is_file()


def test_shapes_are_read_without_weights():
    assert resolve("nano-attn-2l").shape == ModelShape(n_layers=2, n_heads=6, d_mlp=None)
    gelu = resolve("nano-gelu-1l").shape
    assert (gelu.n_layers, gelu.n_heads) == (1, 6)
    assert gelu.d_mlp == resolve("nano-gelu-1l").source.config["d_mlp"]


def test_checkpoints_come_in_the_order_of_training():
    found = bundled_checkpoints()
    assert {name.split("@")[0] for name in found} >= {"nano-attn-2l", "nano-gelu-2l"}
    for model in {name.split("@")[0] for name in found}:
        steps = [int(name.split("@")[1]) for name in found if name.startswith(f"{model}@")]
        assert steps == sorted(steps)
        assert len(steps) >= 2
    assert all(path.is_file() for path in found.values())


def test_a_checkpoint_has_its_models_shape_and_claims_of_its_own():
    name = next(iter(bundled_checkpoints()))
    found = resolve(name)
    assert found.claims == name
    assert found.source.weights == bundled_checkpoints()[name]
    assert found.shape == resolve(name.split("@")[0]).shape


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("nano-atn-2l", "; did you mean 'nano-attn-2l'?"),
        ("Nano-Solu-2l", "; did you mean 'nano-solu-2l'?"),
        ("nano-attn-2l@201", "; did you mean 'nano-attn-2l@200'?"),
        ("smolm2-135m", "; did you mean 'smollm2-135m'?"),
        ("atn-only-2l", "; did you mean 'attn-only-2l'?"),
        ("llama", ""),
    ],
)
def test_an_unknown_name(name, near):
    known = ", ".join((*bundled_models(), *bundled_checkpoints()))
    assert (
        message(name)
        == f"unknown model {name!r}; bundled models: {known}; for all others, run mi-checks models list{near}"
    )


def test_a_folder(folder, monkeypatch):
    here = folder("{}")
    found = resolve(str(here))
    assert (found.claims, found.source) == (str(here), ModelFolder(here))
    monkeypatch.chdir(here.parent)
    assert resolve(here.name).source == ModelFolder(Path(here.name))  # without a slash, where there is one of that name


def test_a_folder_under_the_claims_of_a_model(folder):
    here = folder("{}")
    found = resolve(f"nano-attn-2l={here}")
    assert (found.claims, found.source) == ("nano-attn-2l", ModelFolder(here))


def test_a_folders_checkpoint(folder):
    here = folder("{}")
    assert resolve(f"{here}@200").source == ModelFolder(here, "200")
    assert resolve(f"nano-attn-2l={here}@200").source == ModelFolder(here, "200")


def test_a_folder_with_an_at_sign_in_its_name(tmp_path):
    (tmp_path / "model@3").mkdir()
    assert resolve(str(tmp_path / "model@3")).source == ModelFolder(tmp_path / "model@3")


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("hf:gpt2", HubModel("gpt2")),
        ("EleutherAI/pythia-70m", HubModel("EleutherAI/pythia-70m")),
        ("EleutherAI/pythia-70m@step1000", HubModel("EleutherAI/pythia-70m", "step1000")),
        ("hf:EleutherAI/pythia-70m@refs/pr/1", HubModel("EleutherAI/pythia-70m", "refs/pr/1")),
        ("mine=hf:gpt2", HubModel("gpt2")),
    ],
)
def test_a_name_on_the_hub(name, source, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert resolve(name).source == source
    assert resolve(name).shape is None  # nothing was downloaded


def test_a_bad_name_on_the_hub():
    assert (
        message("hf:../x") == "model 'hf:../x': '../x' is not a valid name on the Hugging Face hub; write hf:owner/name"
    )


@pytest.mark.parametrize("kind", ["attn-only", "gelu", "solu"])
@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_the_toy_models_by_the_names_transformerlens_gave_them(kind, layers):
    found = resolve(f"{kind}-{layers}l")
    prefix = {"attn-only": "Attn_Only", "gelu": "GELU", "solu": "SoLU"}[kind]
    assert found.source.repo == f"NeelNanda/{prefix}_{layers}L512W_C4_Code"
    assert found.source.is_legacy
    assert found.shape == ModelShape(n_layers=layers, n_heads=8, d_mlp=None if kind == "attn-only" else 2048)
    assert resolve(f"{kind}-{layers}l@300").source.version == "300"


def test_the_toy_models_are_those_transformerlens_supports():
    from transformer_lens.supported_models import OFFICIAL_MODEL_NAMES

    assert {toy.repo for toy in TOY_MODELS.values()} <= set(OFFICIAL_MODEL_NAMES)


def test_a_toy_models_checkpoints_are_known_without_being_listed():
    assert is_known("gelu-2l@300")
    assert "gelu-2l@300" not in known_names()
    assert not is_known("gelu-9l@300")
    assert all(map(is_known, known_names()))


def test_no_two_names_are_one():
    assert len(known_names()) == len(set(known_names()))


@pytest.mark.parametrize("name", ["gguf:nowhere.gguf", "mine=gguf:nowhere.gguf"])
def test_a_gguf_file_that_is_not_there(name):
    assert message(name) == f"model {name!r}: there is no file 'nowhere.gguf'"


def test_nothing_after_the_equals_sign():
    assert message("nano-attn-2l=") == "model 'nano-attn-2l=': name a folder after '='"


@pytest.mark.parametrize("name", ["./nowhere", "nano-attn-2l=nowhere", "a/b/nowhere", "here/nowhere"])
def test_a_folder_that_is_not_there(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()  # so `here/nowhere` means a folder, and not the hub
    place = str(Path(name.split("=")[-1]))
    hub = "; if it is a model on the Hugging Face hub, write hf:here/nowhere" if name == "here/nowhere" else ""
    assert message(name) == f"model {name!r}: there is no folder {place!r}{hub}"


def test_a_folder_without_a_config(folder):
    here = folder()
    with pytest.raises(MiChecksError) as error:
        _ = resolve(str(here)).shape
    assert str(error.value) == f"{here}: no config.json; a model folder contains config.json and model.safetensors"


def test_a_config_that_is_no_json(folder):
    here = folder("{broken")
    with pytest.raises(MiChecksError) as error:
        _ = resolve(str(here)).shape
    assert str(error.value).startswith(f"{here}/config.json: not valid JSON: Expecting property name")


def test_names_need_no_torch(tmp_path):
    import subprocess
    import sys

    code = (
        "import sys\nfrom mi_checks.models.model_names import known_names, resolve\n"
        "[resolve(name).shape for name in (*known_names(), 'hf:gpt2')]\nprint('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "False\n"
