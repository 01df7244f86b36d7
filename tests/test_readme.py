"""What the README shows is what there is."""

import re
import shlex
from pathlib import Path

import pytest

from gallery.findings import differing_lines
from mi_checks.cli.main import main
from mi_checks.models.model_names import bundled_checkpoints, bundled_models
from mi_checks.plugin.hooks import OPTIONS, SWITCHES
from mi_checks.spec.behaviour import CHECKS_BY_KEY
from mi_checks.spec.load_file import load_behaviour
from mi_checks.spec.model_validation import check_models

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_example_is_a_valid_behaviour(tmp_path):
    example = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)[1]
    path = tmp_path / "example.yaml"
    path.write_text(example)
    assert check_models(load_behaviour(path), bundled_models()) == ()


def test_the_checks_it_shows_are_valid(tmp_path):
    example, *shown = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    blocks = [block for block in shown if block.startswith("  - ")]
    for index, block in enumerate(blocks):
        path = tmp_path / f"example{index}.yaml"
        path.write_text(example.replace("models:", f"{block}models:", 1))
        assert load_behaviour(path).behaviour.checks
    assert len(blocks) == 2


@pytest.mark.parametrize("flag", [flag for flag, _, _ in OPTIONS])
def test_every_option_is_in_the_table(flag):
    argument = "" if flag in SWITCHES else " [A-Z]+"
    assert re.search(rf"^\| `{flag}{argument}` \| `{flag[2:].replace('-', '_')}` \|", README, re.MULTILINE)


@pytest.mark.parametrize("kind", CHECKS_BY_KEY)
def test_every_check_is_in_the_table(kind):
    assert f"\n| `{kind}` |" in README


def test_the_models_it_names_ship():
    assert set(re.findall(r"nano-\w+-\dl(?:@\d+)?", README)) <= {*bundled_models(), *bundled_checkpoints()}


def test_its_picture_and_pages_exist():
    for target in re.findall(r"\]\(([^)h][^)]*)\)", README):
        assert (ROOT / target).exists(), target


def test_the_matrix_it_shows_is_what_is_measured(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    command, *shown = re.search(r"```\n\$ mi-checks (matrix .*?)\n```", README, re.DOTALL)[1].splitlines()
    assert main(shlex.split(command)) == 0
    found = capsys.readouterr().out.splitlines()
    assert len(shown) == 7
    for line in shown:
        assert line == "…" or any(differing_lines(line, other) == [] for other in found), line


def test_the_emergence_it_shows_is_what_is_measured(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    command, *shown = re.search(r"```\n\$ mi-checks (emergence .*?)\n```", README, re.DOTALL)[1].splitlines()
    assert main(shlex.split(command)) == 0
    found = capsys.readouterr().out.splitlines()
    assert len(shown) == 27
    for line in shown:
        assert line in ("", "…") or any(differing_lines(line, other) == [] for other in found), line
