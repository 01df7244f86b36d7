"""`mi-checks history bisect` on real checkpoints."""

import json
import shlex
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from mi_checks.cli.main import main
from mi_checks.history.run_store import History, run_summaries
from mi_checks.models.load_model import load
from mi_checks.models.model_names import NANO_FOLDER, resolve
from mi_checks.suite.suite import Suite
from tests.plugin.conftest import BEHAVIOUR

CHECKS = """\
  - logit_diff: {at_least: 1.0}
  - patching: {nodes: induction, recovers: {at_least: 0.3}}
  - mediators: {component: head, above: 0.2, include: induction, models: [nano-attn-2l]}"""
MODELS = "  nano-attn-2l: {nodes: {induction: L1H2}}\n  nano-attn-1l: absent"
ROLE = "roles:\n  induction: {score: induction, at_least: 0.3}\nchecks:"
SERIES = ["--over", "nano-attn-2l@*"]


@pytest.fixture
def measured(monkeypatch):
    """What is really measured: models, in order."""
    found = []
    check = Suite.check

    def counted(self, loaded, model, *arguments, **given):
        found.append(model)
        return check(self, loaded, model, *arguments, **given)

    monkeypatch.setattr(Suite, "check", counted)
    return found


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A behaviour that nano-attn-2l learns between its checkpoints 400 and 500."""
    monkeypatch.chdir(tmp_path)
    text = BEHAVIOUR.format(name="ab", checks=CHECKS, models=MODELS, mark="m").replace("count: 16", "count: 64")
    Path("ab.yaml").write_text(text, encoding="utf-8")
    return "ab.yaml"


def bisect(capsys, file, *arguments, check="logit_diff"):
    code = main(["history", "bisect", file, "--check", check, *arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_checkpoint_where_a_check_turns(capsys, file, measured):
    code, out, err = bisect(capsys, file, *SERIES)
    assert (code, err) == (0, "")
    lines = out.splitlines()
    asked = ["nano-attn-2l@200", "nano-attn-2l", "nano-attn-2l@500", "nano-attn-2l@400"]
    assert [line.split()[0] for line in lines[:4]] == asked
    assert [line.split()[2] for line in lines[:4]] == ["fail", "pass", "pass", "fail"]
    assert lines[4].startswith("ab logit_diff: fails at nano-attn-2l@400 (")
    assert "), passes at nano-attn-2l@500 (" in lines[4]
    assert lines[5] == "measured 4 of 5 checkpoints; stored in reports/history.sqlite3"
    assert measured == ["nano-attn-2l=nano-attn-2l@200", "nano-attn-2l", *(f"nano-attn-2l={m}" for m in asked[2:])]


def test_what_is_known_is_not_measured_again(capsys, file, measured):
    bisect(capsys, file, *SERIES)
    measured.clear()
    code, out, _ = bisect(capsys, file, *SERIES)
    assert (code, measured) == (0, [])
    assert out.count("(known: ") == 4
    assert out.endswith("measured 0 of 5 checkpoints, and 4 known from reports/history.sqlite3\n")


@pytest.mark.parametrize("other", [["--count", "32"], ["--seed", "9"]])
def test_other_prompts_are_measured(capsys, file, measured, other):
    bisect(capsys, file, *SERIES)
    bisect(capsys, file, *SERIES, *other)
    assert len(measured) == 8


def test_another_bound_is_measured(capsys, file, measured):
    bisect(capsys, file, *SERIES)
    Path(file).write_text(Path(file).read_text().replace("at_least: 1.0", "at_least: 0.9"))
    bisect(capsys, file, *SERIES)
    assert len(measured) == 8


def test_one_that_was_interrupted_goes_on(capsys, file, measured, monkeypatch):
    counted = Suite.check

    def interrupted(self, *arguments, **given):
        if len(measured) == 3:
            raise KeyboardInterrupt
        return counted(self, *arguments, **given)

    monkeypatch.setattr(Suite, "check", interrupted)
    assert bisect(capsys, file, *SERIES)[0] == 130
    monkeypatch.setattr(Suite, "check", counted)
    code, out, _ = bisect(capsys, file, *SERIES)
    assert (code, len(measured)) == (0, 4)
    assert out.endswith("measured 1 of 5 checkpoints, and 3 known from reports/history.sqlite3\n")


def test_what_a_run_of_pytest_measured_is_known_too(pytester, capsys, file, measured, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # pytester went elsewhere
    Path("behaviours").mkdir()
    shutil.move(file, "behaviours/ab.yaml")
    for model in ("nano-attn-2l", "nano-attn-2l=nano-attn-2l@200"):
        run = pytester.runpytest_subprocess(
            f"--rootdir={Path.cwd()}", "behaviours", "--mi-model", model, "--mi-history", "reports/history.sqlite3"
        )
        run.stdout.fnmatch_lines(["history: reports/history.sqlite3"])
    _, out, _ = bisect(capsys, "behaviours/ab.yaml", *SERIES, check="patching[induction]")
    assert out.count("(known: ") == 2
    assert len(measured) == out.splitlines()[-1].count("measured 2 of 5") * 2 == 2


def test_64_checkpoints_take_8_measurements(capsys, file, measured, tmp_path):
    shutil.copy(NANO_FOLDER / "nano-attn-2l/config.json", tmp_path)
    (tmp_path / "checkpoints").mkdir()
    steps = NANO_FOLDER / "nano-attn-2l/checkpoints"
    before, after = (load_file(steps / f"step-00{step}.safetensors") for step in (400, 500))
    for step in range(63):
        weights = before if step < 41 else after
        # Other bytes in each, or what is known of one were known of all.
        save_file(weights, tmp_path / f"checkpoints/step-{step:05}.safetensors", {"step": str(step)})
    save_file(after, tmp_path / "model.safetensors", {"step": "63"})
    code, out, err = bisect(capsys, file, "--over", f"{tmp_path}@*", "--model", "nano-attn-2l", "--count", "16")
    assert (code, err) == (0, "")
    assert len(measured) == 8
    assert f"fails at {tmp_path}@40 (" in out
    assert f"passes at {tmp_path}@41 (" in out
    assert out.endswith("measured 8 of 64 checkpoints; stored in reports/history.sqlite3\n")


def test_ends_that_agree_are_exit_code_1(capsys, file, measured):
    code, out, _ = bisect(capsys, file, "--over", "nano-attn-2l@500", "--over", "nano-attn-2l@650", "--over",
                          "nano-attn-2l", "--history", "my history.sqlite3")  # fmt: skip
    assert (code, len(measured)) == (1, 2)
    lines = out.splitlines()
    assert lines[2].startswith("ab logit_diff: the outcome does not change: passes at nano-attn-2l@500 (")
    assert lines[3:] == [
        "both ends have the same outcome, so there is nothing to bisect; for other results: mi-checks history show ab "
        "--check logit_diff --history 'my history.sqlite3'",
        "measured 2 of 3 checkpoints; stored in my history.sqlite3",
    ]
    shown = lines[3].partition("mi-checks ")[2]
    assert main(shlex.split(shown)) == 0


def test_inconclusive_is_not_a_pass_and_is_told(capsys, file):
    near = Path(file).read_text().replace("at_least: 1.0", "at_least: 4.0")
    Path(file).write_text(near)
    code, out, _ = bisect(capsys, file, "--over", "nano-attn-2l@200", "--over", "nano-attn-2l")
    assert code == 1
    assert "fails at nano-attn-2l@200 (" in out
    assert "is inconclusive at nano-attn-2l (" in out
    assert "\ninconclusive does not count as a pass; more prompt pairs (--count) may settle it\n" in out


def test_an_absence_can_be_bisected(capsys, file):
    code, out, _ = bisect(
        capsys, file, *SERIES, "--model", "nano-attn-1l", "--format", "json", check="absent"
    )  # the weights of two layers under the claim made of one
    data = json.loads(out)
    assert code == 0
    assert data["turns"] == {"before": "nano-attn-2l@400", "after": "nano-attn-2l@500"}
    assert [each["outcome"] for each in data["checkpoints"]] == ["pass", "pass", "fail", "fail"]
    assert data["measured"] == 4
    assert data["over"][-1] == "nano-attn-2l"


def test_each_measurement_is_a_run_with_what_it_swept(capsys, file):
    bisect(capsys, file, *SERIES, check="patching[induction]")
    with History.at(Path("reports/history.sqlite3")) as history:
        kept = run_summaries(history)
    assert [each.outcomes for each in kept] == [{"fail": 1}, {"pass": 1}, {"pass": 1}, {"pass": 1}]
    assert main(["history", "mediators", "ab", "L1H2", "--order", "training"]) == 0
    assert capsys.readouterr().out.startswith("L1H2 mediates ab on nano-attn-2l since ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--over", "nano-attn-2l@500"],
            "--over names only nano-attn-2l@500; name at least two checkpoints, in order, or a series such as "
            "'nano-attn-2l@*'",
        ),
        (
            ["--over", "nano-gelu-2l@*"],
            "ab.yaml claims nothing about 'nano-gelu-2l'; "
            "choose with --model whose claims the checkpoints are tested against: "
            "nano-attn-2l, nano-attn-1l; did you mean 'nano-attn-2l'?",
        ),
        (
            ["--over", "nano-attn-1l@*"],
            "model 'nano-attn-1l@*': no training checkpoints of 'nano-attn-1l' are known; …",
        ),
        ([*SERIES, "--over", "nano-attn-9l"], "unknown model 'nano-attn-9l'; …"),
        ([*SERIES, "--case", "far"], "ab.yaml: there is no case 'far': the file has no 'cases'"),
        (
            [*SERIES, "--check", "logit_dif"],
            "ab.yaml has no check 'logit_dif' for nano-attn-2l; its checks: logit_diff, patching[induction], "
            "mediators[head]; did you mean 'logit_diff'?",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_made(capsys, file, arguments, message):
    code, out, err = bisect(capsys, file, *arguments)
    assert (code, out) == (2, "")
    told = err.removeprefix("mi-checks: ").removesuffix("\n")
    assert told.startswith(message.removesuffix("…")) if message.endswith("…") else told == message
    assert not Path("reports").exists()


def test_a_role_is_bisected_by_a_check_of_it(capsys, file):
    text = Path(file).read_text().replace("checks:", ROLE).replace("{nodes: {induction: L1H2}}", "{}")
    Path(file).write_text(text)
    code, _, err = bisect(capsys, file, *SERIES, check="role[induction]")
    assert code == 2
    assert err == (
        "mi-checks: role[induction] tests which nodes a role is bound to, and cannot be bisected; "
        "choose one of logit_diff, "
        "patching[induction], mediators[head]\n"
    )


def test_one_of_several_cases_must_be_named(capsys, file):
    Path(file).write_text(Path(file).read_text() + "cases:\n  near: {}\n  far: {}\n")
    assert bisect(capsys, file, *SERIES)[2] == (
        "mi-checks: ab.yaml: the file has several cases; choose one, as in --case near; cases: near, far\n"
    )
    assert bisect(capsys, file, *SERIES, "--case", "fa")[2] == (
        "mi-checks: ab.yaml: there is no case 'fa'; cases: near, far; did you mean 'far'?\n"
    )
    assert bisect(capsys, file, *SERIES, "--case", "far")[0] == 0


def test_a_checkpoint_that_cannot_be_measured_ends_it_and_what_was_before_is_kept(capsys, file, tmp_path):
    shutil.copy(NANO_FOLDER / "nano-attn-2l/config.json", tmp_path)
    shutil.copy(NANO_FOLDER / "nano-attn-2l/model.safetensors", tmp_path)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/step-1.safetensors").write_bytes(b"cut")
    code, out, err = bisect(
        capsys, file, "--over", "nano-attn-2l@200", "--over", f"{tmp_path}@1", "--over", "nano-attn-2l"
    )
    assert code == 2
    assert len(out.splitlines()) == 2
    assert err.startswith(f"mi-checks: model 'nano-attn-2l={tmp_path}@1': {tmp_path}/checkpoints/step-1.safetensors ")
    with History.at(Path("reports/history.sqlite3")) as history:
        assert len(run_summaries(history)) == 2


@pytest.mark.parametrize("name", ["nano-attn-2l", "nano-attn-2l@500"])
def test_hashes_are_those_of_provenance(name):
    assert resolve(name).weights_sha256() == load(name).provenance.weights_sha256
