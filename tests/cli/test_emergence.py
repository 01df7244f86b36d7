"""`mi-checks emergence` on the checkpoints that ship."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli.main import main
from mi_checks.models.model_names import NANO_FOLDER

INDUCTION = """\
name: induction
summary: "A B … D C … A → B"
prompts:
  count: 64
  variables:
    A: {tokens: random}
    B: {tokens: random, differs_from: A}
    D: {tokens: random, differs_from: [A, B]}
    C: {tokens: random, differs_from: [A, B, D]}
    query: {same_as: A}
  template: "{{ A }}{{ B }}{{ D }}{{ C }}{{ query }}"
  corrupt: {A: D, D: A}
  answer: "{{ B }}"
  foils: ["{{ C }}"]
roles:
  previous_token: {score: previous_token, at_least: 0.4}
checks:
  - logit_diff: {against: corrupt, at_least: 2}
  - patching: {nodes: previous_token, recovers: {at_least: 0.1}}
models:
  nano-attn-2l: {"role[previous_token]": {at_least: 0.25}}
"""
AT_2L = ("--model", "nano-attn-2l@*")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")
    (tmp_path / "behaviours").mkdir()
    (tmp_path / "behaviours" / "induction.yaml").write_text(INDUCTION)
    return tmp_path / "behaviours"


def told(capsys, *arguments):
    code = main(["emergence", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_induction_appears_at_its_phase_change(capsys, folder):
    code, out, err = told(capsys, "--format", "json", "--count", "96", *AT_2L)
    assert (code, err) == (0, "")
    (series,) = json.loads(out)["series"]
    assert [each["step"] for each in series["checkpoints"]] == [200, 400, 500, 650, 1200]
    (behaviour,) = series["behaviours"]
    assert behaviour["verdict"] == "appears"
    assert behaviour["appears"]["after"] == "400"  # the card has half of the fall of the loss at 500
    assert behaviour["appears"]["by"] in ("500", "650")
    values = [each["estimate"]["value"] for each in behaviour["checkpoints"]]
    assert values[1] < 0.1 * values[-1] < 0.3 * values[-1] < values[2]
    assert [each["estimate"]["n"] for each in behaviour["checkpoints"]] == [96] * 5


def test_a_role_is_followed_in_the_weights_of_each_checkpoint(capsys, folder):
    (series,) = json.loads(told(capsys, "--format", "json", *AT_2L)[1])["series"]
    (role,) = series["roles"]
    scores = [each["score"] for each in role["checkpoints"]]
    assert scores == sorted(scores)
    assert scores[0] < 0.15 < 0.9 < scores[2]
    assert [each["node"] for each in role["checkpoints"]][2:] == ["L0H3"] * 3
    assert role["at_least"] == 0.25  # as the model's entry has it, at every checkpoint
    assert role["forms"] == {"after": "200", "by": "400"}
    assert series["order"] == [{"behaviour": "induction", "role": "previous_token", "forms": "before"}]


def test_by_default_every_series_that_a_behaviour_names(capsys, folder):
    code, out, err = told(capsys, "--count", "24")
    assert (code, err) == (0, "")
    assert "nano-attn-2l at 5 checkpoints of its training: steps 200, 400, 500, 650, 1200" in out
    assert "previous_token forms before" in out
    assert re.search(r"^Not measured, because they claim nothing about nano-gelu-2l: induction\.$", out, re.MULTILINE)
    assert re.search(r"^Δ induction +between 400 and \d+ +\S{5}  ", out, re.MULTILINE)


def test_it_writes_a_page_beside_what_it_prints(capsys, folder):
    code, out, _ = told(capsys, "--count", "24", "--output", "page.html", *AT_2L)
    assert code == 0
    assert out.startswith("nano-attn-2l at 5 checkpoints")
    assert "<!doctype html>" in Path("page.html").read_text()


def test_a_folder_of_one_s_own_under_other_claims(capsys, folder):
    shutil.copytree(
        NANO_FOLDER / "nano-attn-2l", "mine", ignore=shutil.ignore_patterns("step-00[256]*", "metrics.json")
    )
    code, out, err = told(capsys, "--count", "24", "--format", "json", "--model", "nano-attn-2l=mine@*")
    assert (code, err) == (0, "")
    (series,) = json.loads(out)["series"]
    assert [each["label"] for each in series["checkpoints"]] == ["400", "end"]
    (behaviour,) = series["behaviours"]
    assert behaviour["appears"] == {"after": "400", "by": "end"}
    assert behaviour["declared"] == "present"
    assert len({each["score"] for each in series["roles"][0]["checkpoints"]}) == 2


def test_what_cannot_be_measured_is_left_out_and_told(capsys, folder):
    text = INDUCTION.replace("name: induction", "name: long").replace(
        "A: {tokens: random}", "A: {tokens: random, length: 500}"
    )
    (folder / "long.yaml").write_text(text)
    code, out, err = told(capsys, "--count", "24", *AT_2L)
    assert code == 2
    assert re.search(r"^Δ induction ", out, re.MULTILINE)
    assert "long at 200, long at 400, long at 500, long at 650, long at 1200\n  " in out
    assert err.startswith("mi-checks: long could not be measured at 200, and 4 more: ")


def test_checkpoints_with_other_prompts_make_no_curve(capsys, folder, monkeypatch):
    """As revisions on the hub may have: another tokenizer at each."""
    monkeypatch.setattr(
        "mi_checks.studies.emergence.emergence_measurement.comparable", lambda first, other: first is other
    )
    code, out, err = told(capsys, "--count", "24", *AT_2L)
    assert code == 2
    assert "Δ induction" not in out
    assert err == (
        "mi-checks: induction could not be measured at 400: its prompts differ from those at 200: another tokenizer "
        "or context length\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no file or folder 'nowhere'; name behaviour files or folders of them"),
        (
            ["--model", "nano-attn-1l@*"],
            "model 'nano-attn-1l@*': no training checkpoints of 'nano-attn-1l' are known; use "
            "nano-attn-2l@*, nano-gelu-2l@*, a folder with checkpoints/, or name each checkpoint (nano-attn-1l@LABEL)",
        ),
        (
            ["--model", "nano-attn-2l@500"],
            "emergence needs at least two checkpoints of 'nano-attn-2l', but only nano-attn-2l@500 is given; "
            "use 'nano-attn-2l@*' for all 5, or name another",
        ),
        (["--output", "page.pdf"], "--output 'page.pdf': its name must end with .html, .md, .json, .txt"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(capsys, folder, arguments, said):
    assert told(capsys, *arguments) == (2, "", f"mi-checks: {said}\n")


def test_behaviours_that_name_none_of_the_series(capsys, folder):
    (folder / "induction.yaml").write_text(INDUCTION.replace("nano-attn-2l: {", "nano-attn-3l: {"))
    assert told(capsys) == (
        2, "", "mi-checks: no behaviour claims anything about nano-attn-2l or nano-gelu-2l; name the series to "
        "measure the behaviours on, such as --model 'nano-attn-2l@*'\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--count", "1"], "argument --count: '1': use a whole number"), (["--format", "pdf"], "invalid choice: 'pdf'")],
)
def test_an_option_that_is_wrong(capsys, arguments, said):
    with pytest.raises(SystemExit) as left:
        main(["emergence", *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["emergence", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for option in ("PATH", "--model NAME@*", "--count N", "--seed N", "--format {text,md,json,html}", "--output FILE"):
        assert option in said


def test_mistakes_are_told_without_torch(folder):
    code = (
        "import sys\nfrom mi_checks.cli.main import main\n"
        "assert main(['emergence', '--model', 'nano-attn-2l@500']) == 2\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[2])
