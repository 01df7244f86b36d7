"""`--mi-model`, and its twin `mi_model`."""

import pytest

from mi_checks.models.model_names import resolve
from tests.models.written import llama, write_huggingface, xglm
from tests.plugin.conftest import CHECKS

LISTED = "  nano-attn-2l: {nodes: {induction: L1H2}}\n  nano-attn-1l: absent"


def test_one_model_of_those_listed(project):
    project.whole()
    assert project.ids("--mi-model", "nano-attn-1l") == ["behaviours/ab.yaml::nano-attn-1l::absent"]


def test_several_each_once(project):
    project.behaviour(models="  nano-attn-2l: {}\n  nano-gelu-2l: {}\n  nano-attn-1l: absent")
    chosen = ["--mi-model", "nano-gelu-2l", "--mi-model", "nano-attn-1l", "--mi-model", "nano-gelu-2l"]
    assert project.ids(*chosen) == [
        "behaviours/ab.yaml::nano-gelu-2l::logit_diff",
        "behaviours/ab.yaml::nano-attn-1l::absent",
    ]


def test_on_a_model_not_listed_only_the_preference_is_checked(project):
    """Its heads have no names yet, so nothing can be claimed about them."""
    project.whole()
    assert project.ids("--mi-model", "nano-gelu-2l") == [
        "behaviours/ab.yaml::nano-gelu-2l::logit_diff",
        "behaviours/ab.yaml::nano-gelu-2l::accuracy",
    ]
    project.run("--mi-model", "nano-gelu-2l").assert_outcomes(passed=2)


def test_a_training_checkpoint(project):
    project.behaviour()
    result = project.run("--mi-model", "nano-attn-2l@200", "--mi-count", "96")
    result.assert_outcomes(failed=1)  # before the induction heads form
    result.stdout.fnmatch_lines(["*nano-attn-2l@200", "ab  ✗ 0/1"])


def test_an_unknown_model_is_told_with_the_nearest(project):
    project.behaviour()
    result = project.run("--mi-model", "nano-atn-2l")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "no tests ran" not in result.stdout.str()
    assert result.stderr.lines[0].startswith("ERROR: unknown model 'nano-atn-2l'; bundled models: nano-attn-1l, ")
    assert result.stderr.lines[0].endswith("; did you mean 'nano-attn-2l'?")


def test_other_weights_under_the_claims_of_a_model(project, folder):
    project.whole()
    weights = folder()
    model = f"nano-attn-2l={weights}"
    result = project.run("--mi-model", model, "-v")
    result.assert_outcomes(passed=5)
    result.stdout.fnmatch_lines([f"behaviours/ab.yaml::{model}::mediators?head? PASSED*", "ab  ✓ 5/5"])


def test_a_folder_that_is_not_there(project):
    project.behaviour()
    result = project.run("--mi-model", "nano-attn-2l=nowhere")
    assert result.ret == 4
    assert result.stderr.lines[0] == "ERROR: model 'nano-attn-2l=nowhere': there is no folder 'nowhere'"


def test_a_model_that_was_not_fetched(project, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(project.path))
    project.behaviour()
    result = project.run("--mi-model", "smollm2-135m")
    assert result.ret == 4
    assert result.stderr.lines[0] == (
        "ERROR: model 'smollm2-135m': not fetched yet; fetch it once (93 MB): mi-checks models fetch smollm2-135m"
    )


def test_a_listed_model_that_was_not_fetched(project, monkeypatch):
    """Its shape is known all the same."""
    monkeypatch.setenv("MI_CHECKS_CACHE", str(project.path))
    project.behaviour(models="  smollm2-135m: {nodes: {induction: L29H8}}", checks=CHECKS)
    result = project.run("-rs")
    result.assert_outcomes(skipped=5)
    result.stdout.fnmatch_lines(["SKIPPED * model 'smollm2-135m': not fetched yet; fetch it once*"])
    assert project.run("--mi-model", "smollm2-135m").ret == 4  # asked for, it must be there
    project.behaviour(models="  smollm2-135m: {nodes: {induction: L29H9}}", checks=CHECKS)
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*: node 'L29H9' does not exist in smollm2-135m, which has heads 0 to 8 in each layer"]
    )


def test_a_model_of_hugging_faces_layout(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    write_huggingface(folder, llama())
    project.behaviour(models=f"  {folder}: {{nodes: {{induction: L1H3}}}}", checks=CHECKS)
    result = project.run()
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] + outcomes.get("passed", 0) == 5  # its weights are random
    assert "Traceback" not in result.stdout.str()
    page = (project.path / "reports/report.html").read_text(encoding="utf-8")
    assert str(folder) in page


def test_a_claimed_head_outside_a_model_whose_shape_only_loading_tells(project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("xglm")
    write_huggingface(folder, xglm())
    assert resolve(str(folder)).shape is None
    project.behaviour(models=f"  {folder}: {{nodes: {{induction: L1H4}}}}", checks=CHECKS)
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines([f"*: node 'L1H4' does not exist in {folder}, which has heads 0 to 3 in each layer"])


def test_a_claimed_head_outside_the_weights(project, folder):
    project.whole()
    small = folder("nano-attn-1l")
    result = project.run("--mi-model", f"nano-attn-2l={small}")
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["behaviours/ab.yaml:24:37: node 'L1H2' does not exist in nano-attn-2l, which has layer 0 only"]
    )
    result.assert_outcomes(errors=1)


def test_a_listed_folder_that_is_not_there(project):
    """A name with a slash is somebody's folder, and only the machine can say whether it is there."""
    project.behaviour(models="  ./mine/model: {}")
    result = project.run()
    assert result.ret == 2
    place = "behaviours/ab.yaml:*:3"
    result.stdout.fnmatch_lines([f"{place}: model 'behaviours/mine/model': there is no folder 'behaviours/mine/model'"])
    assert "Traceback" not in result.stdout.str()


def test_ini(project):
    project.behaviour(
        models=LISTED,
        checks="  - patching: {nodes: induction, recovers: {at_least: 0.3}}\n  - accuracy: {at_least: 0.5}",
    )
    project.ini("mi_model = nano-attn-1l nano-gelu-2l")
    assert project.ids() == ["behaviours/ab.yaml::nano-attn-1l::absent", "behaviours/ab.yaml::nano-gelu-2l::accuracy"]
    assert len(project.ids("--mi-model", "nano-attn-2l")) == 2


def test_ini_with_an_unknown_model(project):
    project.behaviour()
    project.ini("mi_model = nano-attn-9l")
    assert project.run().ret == 4


def test_a_series_of_checkpoints(project):
    project.behaviour()
    result = project.run("--mi-model", "nano-attn-2l@*", "--collect-only", "-q")
    steps = ("nano-attn-2l@200", "nano-attn-2l@400", "nano-attn-2l@500", "nano-attn-2l@650", "nano-attn-2l")
    result.stdout.fnmatch_lines([f"behaviours/ab.yaml::{step}::logit_diff" for step in steps])
