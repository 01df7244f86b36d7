"""`mi-checks matrix` on bundled models."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli.main import main

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
checks:
  - logit_diff: {against: corrupt, at_least: 2}
models:
  nano-attn-1l: absent
  nano-attn-2l: {}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "behaviours").mkdir()
    (tmp_path / "behaviours" / "induction.yaml").write_text(INDUCTION)
    return tmp_path / "behaviours"


def told(capsys, *arguments):
    code = main(["matrix", *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_second_layer_can_what_one_cannot(capsys, folder):
    code, out, err = told(capsys)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert re.fullmatch(r" {11}  nano-attn-1l +nano-attn-2l", lines[0])
    assert re.fullmatch(r"Δ induction  – .* \[.*\]  ✓ .* \[.*\]", lines[1])
    (turn,) = [line for line in lines if line.startswith("  cannot → can")]
    assert re.fullmatch(r"  cannot → can  induction \S+ → \d\S*, \+\d\S* \[\d\S*, \d\S*\], p < 0.001", turn)


def test_markdown_and_json(capsys, folder):
    assert told(capsys, "--format", "md")[1].startswith("| behaviour | nano-attn-1l | nano-attn-2l |\n")
    data = json.loads(told(capsys, "--format", "json")[1])
    assert [effect["outcome"] for effect in data["effects"]] == ["pass", "pass"]
    assert [effect["against"] for effect in data["effects"]] == ["corrupt", "corrupt"]
    assert len({effect["prompts_sha256"] for effect in data["effects"]}) == 1


def test_count_and_seed_change_the_prompts(capsys, folder):
    def prompts(*options):
        (first, _) = json.loads(told(capsys, "--format", "json", *options)[1])["effects"]
        return first["estimate"]["n"], first["prompts_sha256"]

    assert prompts("--count", "7")[0] == 7
    assert prompts() == prompts("--seed", "0") != prompts("--seed", "1")


def test_a_model_that_the_file_does_not_name_is_held_to_its_bounds(capsys, folder):
    code, out, _ = told(capsys, "behaviours/induction.yaml", "--model", "nano-gelu-1l", "--model", "nano-gelu-2l")
    assert code == 0
    assert re.search(r"^Δ induction  ✗ .*  ✓ ", out, re.MULTILINE)
    assert "cannot → can  induction" in out


def test_a_training_checkpoint_is_shown_and_not_compared(capsys, folder):
    code, out, _ = told(capsys, "--model", "nano-attn-1l", "--model", "nano-attn-2l@200")
    assert code == 0
    assert "nano-attn-2l@200" in out
    assert out.endswith("No two neighbouring models were measured on the same prompts.\n")


def test_what_cannot_be_measured_is_left_out_and_told(capsys, folder):
    text = INDUCTION.replace("name: induction", "name: long").replace(
        "A: {tokens: random}", "A: {tokens: random, length: 500}"
    )
    (folder / "long.yaml").write_text(text)
    code, out, err = told(capsys)
    assert code == 2
    assert re.search(r"^long +! not measured +! not measured$", out, re.MULTILINE)
    assert re.search(r"^Δ induction  – ", out, re.MULTILINE)
    assert err.startswith("mi-checks: long could not be measured on nano-attn-1l, and 1 more: ")


def test_too_few_prompts_on_a_model_that_the_file_does_not_name_are_skipped(capsys, folder):
    few = INDUCTION.replace("{tokens: random}", "{values: [' a']}", 1).replace(
        "{tokens: random, d", "{values: [' b'], d"
    )
    (folder / "induction.yaml").write_text(few.replace("D: {values: [' b']", "D: {values: [' c']", 1))
    code, out, err = told(capsys, "--model", "nano-gelu-1l")
    assert (code, err) == (0, "")
    assert "  skipped" in out.splitlines()[1]
    assert "induction on nano-gelu-1l\n  " in out


def test_a_model_that_is_not_fetched_is_left_out_with_the_reason(capsys, folder, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(folder))
    (folder / "induction.yaml").write_text(INDUCTION + "  smollm2-135m: {}\n")
    code, out, err = told(capsys)
    assert (code, err) == (0, "")
    assert out.splitlines()[0].split() == ["nano-attn-1l", "nano-attn-2l"]
    assert re.search(r"^induction on smollm2-135m\n  .*mi-checks models fetch smollm2-135m", out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no file or folder 'nowhere'; name behaviour files or folders of them"),
        (["empty"], "there are no behaviours in 'empty': no .yaml file whose name does not begin with '_'"),
        (
            ["--model", "nano-attn-9l"],
            re.compile("unknown model 'nano-attn-9l'; bundled models: nano-attn-1l, .*; did you mean 'nano-attn-"),
        ),
        (
            ["--model", "nano-attn-1l", "--model", "nano-attn-1l=behaviours"],
            "--model: nano-attn-1l and nano-attn-1l=behaviours run under the same claims; run them one at a time",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_code_2(capsys, folder, arguments, said):
    (folder.parent / "empty").mkdir()
    (folder.parent / "empty" / "_base.yaml").write_text(INDUCTION)
    code, out, err = told(capsys, *arguments)
    assert (code, out) == (2, "")
    if isinstance(said, str):
        assert err == f"mi-checks: {said}\n"
    else:
        assert said.search(err)


def test_every_mistake_in_every_file_is_told_before_anything_is_measured(capsys, folder):
    (folder / "broken.yaml").write_text(INDUCTION.replace("name: induction", "name: b").replace("checks:", "cheks:"))
    (folder / "unknown.yaml").write_text(
        INDUCTION.replace("name: induction", "name: u").replace("nano-attn-2l", "nano-x")
    )
    code, out, err = told(capsys)
    assert (code, out) == (2, "")
    assert "behaviours/broken.yaml:" in err
    assert "did you mean 'checks'?" in err
    assert re.search(r"behaviours/unknown\.yaml:19:3: unknown model 'nano-x'", err)


def test_two_behaviours_of_one_name(capsys, folder):
    (folder / "second.yaml").write_text(INDUCTION)
    assert told(capsys)[2] == (
        "mi-checks: behaviours/second.yaml:1:1: behaviour 'induction' is already defined in behaviours/induction.yaml; "
        "rename one of them\n"
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--count", "1"], "argument --count: '1': use a whole number of at least 2"),
        (["--count", "many"], "argument --count: 'many': use a whole number of at least 2"),
        (["--seed", "-1"], "argument --seed: "),
        (["--format", "pdf"], "argument --format: invalid choice: 'pdf'"),
        (["--models", "x"], "unrecognized arguments"),
    ],
)
def test_an_option_that_is_wrong(capsys, arguments, said):
    with pytest.raises(SystemExit) as left:
        main(["matrix", *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_every_option(capsys):
    with pytest.raises(SystemExit) as left:
        main(["matrix", "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    for option in ("PATH", "--model NAME", "--count N", "--seed N", "--format {text,md,json}"):
        assert option in said


def test_mistakes_are_told_without_torch(folder):
    code = (
        "import sys\nfrom mi_checks.cli.main import main\nassert main(['matrix', 'nowhere']) == 2\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[2])


def test_a_survey_recalls_what_an_earlier_one_kept(tmp_path, monkeypatch):
    import mi_checks.suite.suite
    from mi_checks.studies.matrix.survey import survey
    from mi_checks.suite.selection import behaviours_in

    root = Path(__file__).parents[2]
    found = behaviours_in([root / "behaviours/python_main_guard.yaml"], root)
    first = survey(found, ["nano-attn-1l"], count=16, cache_folder=tmp_path)

    def measured_anew(*_):
        raise AssertionError("an engine was made")

    monkeypatch.setattr(mi_checks.suite.suite, "choose_engine", measured_anew)
    assert survey(found, ["nano-attn-1l"], count=16, cache_folder=tmp_path) == first
    (cell,) = survey(found, ["nano-attn-1l"], count=16).unmeasured
    assert "an engine was made" in cell.reason
