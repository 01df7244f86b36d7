"""`--mi-run`, and its twin: every run is kept as JSON."""

import json

import pytest

from mi_checks.cli.main import main
from mi_checks.results.read_run import read_run

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - patching: {nodes: induction, recovers: {at_least: 0.3}}"""
BOUND = "  nano-attn-2l: {nodes: {induction: L1H2}}"


def test_the_usual_place_is_beside_the_report(project):
    project.behaviour()
    project.run().stdout.fnmatch_lines(["report: reports/report.html", "run: reports/report.json"])
    (result,) = read_run(project.path / "reports/report.json").results
    assert (result.check, result.outcome, result.estimate.n) == ("logit_diff", "pass", 16)
    assert len(result.per_prompt) == 16
    assert len(result.prompts_sha256) == 64


def test_it_goes_with_the_report(project):
    project.behaviour()
    project.run("--mi-report", "deep/er.html").stdout.fnmatch_lines(["run: deep/er.json"])
    assert read_run(project.path / "deep/er.json").results


def test_another_place_and_ini(project):
    project.behaviour()
    project.ini("mi_run = kept/run.json")
    project.run().stdout.fnmatch_lines(["run: kept/run.json"])
    project.run("--mi-run", "here.json").stdout.fnmatch_lines(["run: here.json"])
    runs = [read_run(project.path / name) for name in ("kept/run.json", "here.json")]
    assert runs[0].results[0].per_prompt == runs[1].results[0].per_prompt
    assert not (project.path / "reports/report.json").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--mi-run", "file/run.json"], "ERROR: --mi-run: cannot make the folder '*file': *"),
        (
            ["--mi-run", "behaviours"],
            "ERROR: --mi-run: cannot write '*behaviours'; name a file in a writable folder",
        ),
        (
            ["--mi-report", "r.html", "--mi-run", "r.html"],
            "ERROR: --mi-run: '*r.html' is where the report is written; name another file",
        ),
        (["--mi-report", "r.json"], "ERROR: --mi-run: '*r.json' is where the report is written; name another file"),
    ],
)
def test_a_place_that_will_not_do_ends_the_run_before_anything_is_collected(project, options, message):
    project.behaviour()
    project.write("file", "not a folder")
    result = project.run(*options)
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])
    assert "collected" not in result.stdout.str()


def test_nothing_that_ran_leaves_none(project):
    project.write("test_other.py", "def test_other(): pass")
    result = project.run("--mi-run", "run.json")
    result.assert_outcomes(passed=1)
    assert "run:" not in result.stdout.str()
    assert not (project.path / "run.json").exists()


def test_workers_leave_the_same(project):
    pytest.importorskip("xdist")
    project.behaviour("ab")
    project.behaviour("cd")
    project.run("--mi-no-cache", "--mi-run", "alone.json")
    spread = project.run("-n", "2", "--mi-no-cache", "--mi-run", "spread.json")
    assert spread.stdout.str().count("run: spread.json") == 1

    def kept(name):
        data = json.loads((project.path / name).read_text())
        for result in data["results"]:
            del result["seconds"]
        return {key: data[key] for key in ("results", "evidence", "models", "versions", "settings")}

    assert kept("alone.json") == kept("spread.json")


def test_a_head_that_is_zeroed_is_a_drift(project, folder, capsys):
    project.behaviour(checks=CHECKS, models=BOUND)
    project.run("--mi-run", "before.json")
    project.run("--mi-run", "after.json", "--mi-model", f"nano-attn-2l={folder(zero_heads=[(1, 2)])}")
    capsys.readouterr()
    assert main(["compare", "before.json", "after.json"]) == 1
    out = capsys.readouterr().out
    assert "ab patching[induction]  (nano-attn-2l)" in out
    assert "nano-attn-2l weights_sha256: " in out
