"""The workflow that is shown names only what there is."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from mi_checks.plugin.hooks import OPTIONS, SWITCHES

ROOT = Path(__file__).parents[2]
WORKFLOW = ROOT / "docs/github-actions.yml"
STEPS = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"]["behaviours"]["steps"]


def step(use):
    """The one that uses an action."""
    (found,) = (each for each in STEPS if each.get("uses", "").partition("@")[0] == use)
    return found


@pytest.fixture
def words():
    (run,) = (each["run"] for each in STEPS if each.get("run", "").startswith("pytest "))
    return shlex.split(run)


def test_every_option_exists(words):
    known = {flag for flag, _, _ in OPTIONS}
    named = {word.partition("=")[0] for word in words if word.startswith("--mi-")}
    assert named == {"--mi-report", "--mi-run", "--mi-summary"}
    assert "--mi-summary=$GITHUB_STEP_SUMMARY" in words  # after a space pytest looks for its ini file there
    assert named <= known - set(SWITCHES)


def test_pytest_runs_what_it_says(words, project, monkeypatch, tmp_path_factory):
    """All but `-n auto`, and in a project with one behaviour."""
    project.behaviour()
    summary = tmp_path_factory.mktemp("runner") / "step"
    summary.touch()
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    given = [word.replace("$GITHUB_STEP_SUMMARY", str(summary)) for word in words[1:]]
    place = given.index("-n")
    assert given.pop(place + 1) == "auto"
    given.pop(place)
    assert project.run(*given).ret == 0
    assert summary.read_text(encoding="utf-8").startswith("✓ **mi-checks: 1 of 1 check passed**")
    for path in step("actions/upload-artifact")["with"]["path"].split():
        assert (project.path / path).is_file(), path
    assert list((project.path / step("actions/cache")["with"]["path"]).glob("*.npz"))


def test_what_failed_is_uploaded_too():
    assert step("actions/upload-artifact")["if"] == "always()"


def test_the_readme_shows_it():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```yaml\n(# An example for \.github.*?)```", readme, re.DOTALL)[1]
    assert shown == WORKFLOW.read_text(encoding="utf-8")
