"""Models that files and options name by their paths (case 15)."""

import os
import shutil

import pytest


@pytest.fixture
def placed(project, folder):
    """A copy of the bundled model in the project, at a path that holds what names are taken apart by."""
    shutil.copytree(folder(), project.path / "runs" / "lr=0.1")
    return project


def test_case_15_a_path_in_a_file_counts_from_the_file_wherever_pytest_runs(placed, monkeypatch):
    placed.behaviour(models="  ../runs/lr=0.1: {}")
    assert placed.ids() == ["behaviours/ab.yaml::runs/lr=0.1::logit_diff"]
    placed.run("behaviours/ab.yaml").assert_outcomes(passed=1)
    placed.run("behaviours/ab.yaml::runs/lr=0.1::logit_diff").assert_outcomes(passed=1)
    monkeypatch.chdir(placed.path / "runs")
    placed.run("../behaviours/ab.yaml").assert_outcomes(passed=1)


def test_case_15_the_same_folder_is_the_same_model_in_a_file_and_as_an_option(placed):
    """So the file's claims of its nodes hold where it is named as an option."""
    placed.write("behaviours/ab.yaml", placed.whole().replace("nano-attn-2l:", "../runs/lr=0.1:"))
    for written in ("runs/lr=0.1", "./runs/lr=0.1/", str(placed.path / "runs" / "lr=0.1")):
        result = placed.run("--mi-model", written)
        result.assert_outcomes(passed=5)
        result.stdout.fnmatch_lines(["*runs/lr=0.1", "ab  ✓ 5/5"])


def test_case_15_an_option_with_an_equals_sign_in_its_path(placed):
    placed.behaviour()
    placed.run("--mi-model", "runs/lr=0.1").assert_outcomes(passed=1)
    placed.run("--mi-model", "nano-attn-2l=runs/lr=0.1").assert_outcomes(passed=1)


def test_case_15_a_bare_name_in_a_file_is_the_folder_beside_it(project, folder):
    shutil.copytree(folder(), project.path / "behaviours" / "m")
    project.behaviour(models="  m: {}")
    assert project.ids() == ["behaviours/ab.yaml::behaviours/m::logit_diff"]
    project.run().assert_outcomes(passed=1)


def test_case_15_a_folder_elsewhere_is_no_model_of_the_file(placed):
    os.rename(placed.path / "runs" / "lr=0.1", placed.path / "m")
    placed.behaviour(models="  m: {}")
    result = placed.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["behaviours/ab.yaml:*: 'm' does not exist: *; did you mean '../m'[?]"])
    placed.run("--mi-model", "m").stdout.no_fnmatch_line("*passed*")  # the file is wrong, whatever runs
    placed.behaviour()
    placed.run("--mi-model", "m").assert_outcomes(passed=1)


def test_case_15_a_bare_name_on_the_hub_is_hinted_at(project):
    project.behaviour(models="  gpt2: {}")
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*unknown model 'gpt2'; known models: *; did you mean 'hf:gpt2'[?]"])
    project.behaviour()
    result = project.run("--mi-model", "gpt2")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*unknown model 'gpt2'; *; did you mean 'hf:gpt2'[?]"])
