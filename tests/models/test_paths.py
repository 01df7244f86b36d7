"""Paths that hold the characters by which names are taken apart, and what a user may have meant (case 15)."""

import os
import sys
from pathlib import Path

import pytest

from mi_checks.errors import MiChecksError
from mi_checks.models.model_checkpoints import series_models
from mi_checks.models.model_names import canonical_name, known_names, name_suggestion, resolve, without_checkpoint_label
from mi_checks.models.models_of_behaviour import unknown_models, with_canonical_models
from mi_checks.models.sources.gguf_file import GgufFile
from mi_checks.models.sources.hub_model import HubModel
from mi_checks.models.sources.model_folder import ModelFolder
from mi_checks.models.stand_in_models import under_reference_model
from mi_checks.spec.load_file import load_behaviour
from mi_checks.spec.problems import SpecError


def message(name):
    with pytest.raises(MiChecksError) as error:
        resolve(name)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def folder(here):
    def folder(path):
        (here / path).mkdir(parents=True)
        return path

    return folder


@pytest.mark.parametrize(
    "path", ["runs/lr=0.1", "lr=0.1", "a=b=c", "runs/x@3", "runs/a:b", "runs/with space", "a=b/c@d:e f", "hf/x", "=x"]
)
def test_case_15_a_folder_whatever_is_in_its_name(path, folder):
    folder(path)
    found = resolve(path)
    assert (found.claims, found.source, found.stands_in) == (path, ModelFolder(Path(path)), False)
    labelled = resolve(f"{path}@200")
    assert (labelled.claims, labelled.source) == (f"{path}@200", ModelFolder(Path(path), "200"))
    under = resolve(f"nano-attn-2l={path}")
    assert (under.claims, under.source, under.stands_in) == ("nano-attn-2l", ModelFolder(Path(path)), True)
    under = resolve(f"nano-attn-2l={path}@200")
    assert (under.claims, under.source) == ("nano-attn-2l", ModelFolder(Path(path), "200"))
    assert under_reference_model([path, f"nano-attn-2l={path}"], "nano-attn-2l") == (f"nano-attn-2l={path}",) * 2


def test_case_15_both_sides_may_hold_an_equals_sign(folder):
    folder("runs/lr=0.1")
    folder("runs/lr=0.2")
    found = resolve("runs/lr=0.1=runs/lr=0.2")
    assert (found.claims, found.source) == ("runs/lr=0.1", ModelFolder(Path("runs/lr=0.2")))


@pytest.mark.parametrize("path", ["x=1/model.gguf", "x@1.gguf", "a:b.gguf", "with space.gguf"])
def test_case_15_a_gguf_file_whatever_is_in_its_name(path, here):
    (here / path).parent.mkdir(exist_ok=True)
    (here / path).touch()
    assert resolve(f"gguf:{path}").source == GgufFile(Path(path))
    assert resolve(f"gguf:{path}").claims == f"gguf:{path}"
    assert resolve(f"mine=gguf:{path}").source == GgufFile(Path(path))


@pytest.mark.parametrize("name", ["runs/lr=0.1", "./lr=0.1", "runs/lr=0.1/step", "~/lr=0.1"])
def test_case_15_a_path_with_an_equals_sign_that_is_not_there(name, here):
    (here / "runs").mkdir()
    whole, rest = os.path.expanduser(name).removeprefix("./"), name.partition("=")[2]
    claims = name.partition("=")[0]
    assert message(name) == (
        f"model {name!r}: there is no folder {whole!r}, and no model {rest!r} to run as {claims!r}"
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("runs/m/", "runs/m"),
        ("./runs/m", "runs/m"),
        ("runs//m/.", "runs/m"),
        ("runs/../runs/m", "runs/m"),
        ("runs/m/@200", "runs/m@200"),
        ("{here}/runs/m", "runs/m"),
    ],
)
def test_case_15_a_folder_has_one_name_however_its_path_is_written(written, name, folder, here):
    folder("runs/m")
    written = written.format(here=here)
    assert resolve(written).claims == canonical_name(written) == name
    assert resolve(name).claims == name


def test_case_15_the_users_home(folder, here, monkeypatch):
    monkeypatch.setenv("HOME", str(here / "home"))
    folder("home/m")
    (here / "home" / "x.gguf").touch()
    assert resolve("~/m").source == ModelFolder(here / "home" / "m")
    assert resolve("nano-attn-2l=~/m").source == ModelFolder(here / "home" / "m")
    assert resolve("gguf:~/x.gguf").source == GgufFile(here / "home" / "x.gguf")
    assert message("~nobody-of-that-name/m").startswith("model '~nobody-of-that-name/m': there is no folder ")


def test_case_15_a_folder_that_is_named_as_a_model_is(folder):
    """By itself the name is the model; a path is the folder, and takes none of the model's claims."""
    folder("nano-attn-2l")
    folder("gpt2")
    assert resolve("nano-attn-2l").source.name == "bundled"
    found = resolve("./nano-attn-2l")
    assert (found.claims, found.source) == ("./nano-attn-2l", ModelFolder(Path("./nano-attn-2l")))
    assert resolve("gpt2").source == ModelFolder(Path("gpt2"))
    assert resolve("hf:gpt2").source == HubModel("gpt2")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("gpt2", "hf:gpt2"),
        ("GPT2", "hf:gpt2"),
        ("gpt2-small", "hf:gpt2"),
        ("gpt2-xl@main", "hf:gpt2-xl@main"),
        ("distilgpt2", "hf:distilgpt2"),
        ("pythia-70m", "EleutherAI/pythia-70m"),
        ("pythia-70m@step1000", "EleutherAI/pythia-70m@step1000"),
        ("gemma-2-2b", "google/gemma-2-2b"),
        ("Llama-3.2-1B", "meta-llama/Llama-3.2-1B"),
        ("HF:gpt2", "hf:gpt2"),
        ("huggingface:org/name", "hf:org/name"),
        ("https://huggingface.co/org/name", "hf:org/name"),
        ("https://huggingface.co/org/name/tree/v1", "hf:org/name@v1"),
        ("nano-atn-2l", "nano-attn-2l"),
    ],
)
def test_case_15_what_may_have_been_meant(name, meant, here):
    assert message(name).endswith(f"; did you mean {meant!r}?")
    assert message(f"nano-attn-2l={name}").endswith(f"; did you mean {meant!r}?")
    assert isinstance(resolve(meant).source, HubModel | ModelFolder)


def test_case_15_files_and_separators_that_are_not_those_of_a_folder(folder, here):
    folder("runs/m")
    (here / "x.gguf").touch()
    (here / "runs/m/model.safetensors").touch()
    assert message("x.gguf").endswith("; did you mean 'gguf:x.gguf'?")
    assert message("runs\\m").endswith("; did you mean 'runs/m'?")
    assert message("runs/m/model.safetensors").endswith("; that is a file, so name its folder: 'runs/m'")
    assert message("ollama:llama3").endswith("; the only prefixes are hf: and gguf:")
    assert message("=runs/m").endswith("name the model whose claims apply before '=', or leave out '='")


@pytest.mark.parametrize("name", ["x" * 5000, "a/" + "x" * 5000, "\0", "x@" + "y" * 5000])
def test_case_15_what_no_file_system_can_have(name, here):
    assert "Errno" not in message(name)


def test_case_15_a_revision_with_all_that_git_allows(here):
    assert resolve("hf:org/name@v1.0+cu12").source == HubModel("org/name", "v1.0+cu12")
    assert resolve("hf:org/name@refs/pr/1").label == "refs/pr/1"
    assert "is not a valid name on the Hugging Face hub" in message("hf:org/name@")


def test_case_15_a_series_in_a_folder_with_an_equals_sign(here, tmp_path):
    from tests.models.written import toy_config, write_legacy

    (tmp_path / "lr=0.1").mkdir()
    write_legacy(tmp_path / "lr=0.1", toy_config(), checkpoints={300: 2, 1200: 3})
    assert series_models("lr=0.1@*") == ("lr=0.1@300", "lr=0.1@1200", "lr=0.1")
    assert series_models("mine=lr=0.1@*") == ("mine=lr=0.1@300", "mine=lr=0.1@1200", "mine=lr=0.1")
    assert without_checkpoint_label("lr=0.1@300") == without_checkpoint_label("lr=0.1") == "lr=0.1"
    assert without_checkpoint_label("nano-attn-2l@200") == "nano-attn-2l"


BEHAVIOUR = """\
name: x
summary: x
prompts:
  variables: {{A: {{tokens: random}}, B: {{tokens: random, differs_from: A}}}}
  template: "{{{{ A }}}}"
  corrupt: {{A: B}}
  answer: "{{{{ A }}}}"
  foils: ["{{{{ B }}}}"]
checks:
  - patching: {{nodes: a, recovers: {{at_least: 0.1}}, models: [{model!r}]}}
models:
  {model!r}: {{nodes: {{a: L0H0}}}}
"""


def loaded(file, model):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(BEHAVIOUR.format(model=model))
    return load_behaviour(file, file.parent)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("m", "behaviours/m"),
        ("./m", "behaviours/m"),
        ("../runs/lr=0.1", "runs/lr=0.1"),
        ("../runs/lr=0.1@200", "runs/lr=0.1@200"),
        ("../m", "m"),
        ("gguf:../x.gguf", "gguf:x.gguf"),
        ("../nano-attn-2l", "./nano-attn-2l"),  # a folder of that name, and not the model
        ("../nowhere", "./nowhere"),
        ("../nowhere/m", "nowhere/m"),
        ("nano-attn-2l", "nano-attn-2l"),
        ("org/name", "org/name"),
        ("hf:gpt2", "hf:gpt2"),
    ],
)
def test_case_15_a_path_in_a_file_counts_from_the_files_folder(model, name, folder, here):
    for each in ("behaviours/m", "runs/lr=0.1", "m", "nano-attn-2l"):
        folder(each)
    (here / "x.gguf").touch()
    written = loaded(here / "behaviours" / "x.yaml", model)
    found = with_canonical_models(written)
    assert tuple(found.behaviour.models) == (name,)
    assert found.behaviour.checks[0].check.models == (name,)
    assert found.behaviour.sets_for(name) == written.behaviour.sets_for(model) != {}
    assert found.place_of(("models", name)) == written.place_of(("models", model)) == (12, 3, "x.yaml")
    assert found.place_of(("models", name, "nodes", "a")) == written.place_of(("models", model, "nodes", "a"))
    assert unknown_models(found) == ()
    if "nowhere" not in name:
        assert resolve(name).claims == name


def test_case_15_from_another_folder_the_same_file_names_the_same_model(folder, here, monkeypatch):
    folder("behaviours/m")
    written = loaded(here / "behaviours" / "x.yaml", "m")
    for place, name in (("behaviours", "m"), ("m", str(here / "behaviours" / "m"))):
        (here / place).mkdir(exist_ok=True)
        monkeypatch.chdir(here / place)
        (found,) = with_canonical_models(written).behaviour.models
        assert found == name
        assert resolve(found).source.path.resolve() == here / "behaviours" / "m"


@pytest.mark.parametrize(
    ("model", "meant"), [("runs/m", "../runs/m"), ("m", "../m"), ("gguf:x.gguf", "gguf:../x.gguf")]
)
def test_case_15_a_path_in_a_file_that_counts_from_elsewhere(model, meant, folder, here):
    folder("runs/m")
    folder("m")
    (here / "x.gguf").touch()
    with pytest.raises(SpecError) as error:
        with_canonical_models(loaded(here / "behaviours" / "x.yaml", model))
    assert str(error.value) == (
        f"x.yaml:12:3: {model!r} does not exist: paths are relative to the folder of this file; did you mean {meant!r}?"
    )


@pytest.mark.parametrize("model", ["nano-attn-2l=../m", "runs/lr=0.1", "nano-attn-2l=hf:gpt2"])
def test_case_15_other_weights_under_a_models_name_are_for_the_command_line(model, folder, here):
    folder("m")
    with pytest.raises(SpecError) as error:
        with_canonical_models(loaded(here / "behaviours" / "x.yaml", model))
    assert str(error.value) == (
        f"x.yaml:12:3: there is no folder {model!r} beside this file, and only --mi-model accepts NAME=MODEL"
    )


def test_case_15_one_folder_by_two_names_in_a_file(folder, here):
    folder("behaviours/m")
    written = loaded(here / "behaviours" / "x.yaml", "m")
    text = written.path.read_text().replace("['m']", "[m, ./m]")
    written.path.write_text(f"{text}  ./m: {{nodes: {{a: L0H1}}}}\n")
    with pytest.raises(SpecError, match=r"x\.yaml:13:3: './m' is the same model as 'm', which this file also names"):
        with_canonical_models(load_behaviour(written.path, written.path.parent))


def test_case_15_an_unknown_model_in_a_file(here):
    (problem,) = unknown_models(with_canonical_models(loaded(here / "x.yaml", "gpt2")))
    assert problem.message.startswith("unknown model 'gpt2'; known models: ")
    assert problem.message.endswith("; did you mean 'hf:gpt2'?")


def test_case_15_a_model_of_an_extended_file_counts_from_that(folder, here):
    folder("behaviours/shared/m")
    loaded(here / "behaviours" / "shared" / "_base.yaml", "m")
    (here / "behaviours" / "y.yaml").write_text("name: y\nextends: shared/_base.yaml\n")
    found = with_canonical_models(load_behaviour(here / "behaviours" / "y.yaml", here))
    assert tuple(found.behaviour.models) == ("behaviours/shared/m",)


def test_near_names_of_what_is_near_nothing():
    assert name_suggestion("qqqq", known_names()) == ""
    assert sys.getsizeof(name_suggestion("x" * 10_000, known_names())) < 1000
