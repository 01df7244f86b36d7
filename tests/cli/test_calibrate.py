"""`mi-checks calibrate`: what it counts, in three forms, and what it says of mistakes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mi_checks.cli.main import main
from mi_checks.studies.calibration import calibration_output
from mi_checks.studies.calibration.calibrated_claims import CALIBRATED_KINDS
from mi_checks.studies.calibration.run_calibration import calibrate

ARGUMENTS = ["calibrate", "--runs", "2", "--seed", "3", "--kind", "logit_diff", "--kind", "accuracy"]


@pytest.fixture(scope="module")
def counted():
    return calibrate(2, 3, ("logit_diff", "accuracy"))


def shown(capsys, *arguments):
    assert main([*ARGUMENTS, *arguments]) == 0
    return capsys.readouterr().out


def test_as_data(capsys, counted):
    out = shown(capsys, "--format", "json")
    assert calibration_output.read_calibration(out) == counted
    assert {row["kind"] for row in json.loads(out)["rows"]} == {"logit_diff", "accuracy"}
    assert {row["null"] for row in json.loads(out)["rows"]} == {"fresh models", "random answers", "at the bound"}


def test_as_text(capsys):
    lines = shown(capsys).splitlines()
    assert lines[0] == "Fresh models: 2 runs of 64 prompts"
    assert sum(line.startswith("logit_diff[corrupt]  ") for line in lines) == 3
    assert not any("Intervals" in line for line in lines)


def test_as_a_page(capsys):
    lines = shown(capsys, "--format", "md").splitlines()
    assert "## Random answers: 2 runs of 64 prompts" in lines
    assert sum(line.startswith("| accuracy | ") for line in lines) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--runs", "1"], "argument --runs: '1': use a whole number of at least 2"),
        (["--runs", "many"], "argument --runs: 'many': use a whole number of at least 2"),
        (["--seed", "-1"], "argument --seed: "),
        (["--kind", "patch"], "argument --kind: invalid choice: 'patch'"),
        (["--format", "pdf"], "argument --format: invalid choice: 'pdf'"),
    ],
)
def test_an_option_that_is_wrong(capsys, arguments, said):
    with pytest.raises(SystemExit) as left:
        main(["calibrate", *arguments])
    assert left.value.code == 2
    assert said in capsys.readouterr().err


def test_help_names_every_option_and_kind(capsys):
    with pytest.raises(SystemExit) as left:
        main(["calibrate", "--help"])
    assert left.value.code == 0
    said = " ".join(capsys.readouterr().out.split())
    for word in ("--runs N", "--seed N", "--kind KIND", "--format {text,md,json}", *CALIBRATED_KINDS):
        assert word in said


def test_mistakes_are_told_without_torch():
    code = (
        "import sys\nfrom mi_checks.cli.main import main\n"
        "try:\n    main(['calibrate', '--runs', '0'])\nexcept SystemExit:\n    pass\nassert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd=Path(__file__).parents[2])
