"""`--mi-summary` and `--mi-annotations`: what a CI server is told of a run."""

import os

import pytest

from mi_checks import files

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_most: 0.01}"""
ERROR = "::error file=behaviours/ab.yaml,line=19,title=ab on nano-attn-2l%3A accuracy::fail: measured *at most 0.01%0A*"


@pytest.fixture
def red(project):
    project.behaviour(checks=CHECKS)
    return project


def summary(project, name="summary.md"):
    return (project.path / name).read_text(encoding="utf-8")


def annotated(result):
    return [line for line in result.outlines if line.startswith("::")]


def test_a_summary_is_of_one_run(red):
    for _ in range(2):
        red.run("--mi-summary", "deep/summary.md").stdout.fnmatch_lines(["summary: deep/summary.md"])
        text = summary(red, "deep/summary.md")
        assert text.startswith("✗ **mi-checks: 1 of 2 checks passed**, 1 failed, on 1 behaviour × 1 model, in ")
        assert " Failed: `accuracy` of `ab` on `nano-attn-2l` measured " in text
        assert text.count("\n") == 1


def test_it_is_added_to_a_steps_summary(red, monkeypatch):
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(red.write("step", "# Built\n")))
    red.run("--mi-summary", str(red.path / "step"))
    red.run("--mi-summary", str(red.path / "step"), "-k", "logit_diff")
    first, second, third = summary(red, "step").split("\n\n\n")
    assert first == "# Built"
    assert second.startswith("✗ **mi-checks: 1 of 2 checks passed**")
    assert third.startswith("✓ **mi-checks: 1 of 1 check passed**")


def test_ini_and_workers(red):
    pytest.importorskip("xdist")
    red.ini("mi_summary = summary.md", "mi_annotations = github")
    result = red.run("-n", "1")
    assert summary(red).startswith("✗ **mi-checks: 1 of 2 checks passed**")
    assert len(annotated(result)) == 1
    result.stdout.fnmatch_lines(["summary: summary.md", ERROR])


def test_without_the_option_there_is_none(red):
    result = red.run()
    assert "summary: " not in result.stdout.str()
    assert annotated(result) == []


@pytest.mark.parametrize(
    ("environment", "options", "shown"),
    [
        ("true", (), True),
        ("true", ("--mi-annotations", "none"), False),
        ("false", ("--mi-annotations", "auto"), False),
        ("", ("--mi-annotations", "github"), True),
    ],
)
def test_annotations_are_for_github_or_asked_for(red, monkeypatch, environment, options, shown):
    monkeypatch.setenv("GITHUB_ACTIONS", environment)
    result = red.run(*options)
    assert len(annotated(result)) == shown
    if shown:
        result.stdout.fnmatch_lines([ERROR])


@pytest.mark.parametrize("workers", [(), ("-n", "1"), ("--collect-only",)])
def test_mistakes_in_a_file_are_annotated_each_once(red, workers):
    if "-n" in workers:
        pytest.importorskip("xdist")
    text = red.behaviour("cd", checks=CHECKS).replace("count:", "cuont:")
    red.copy("cd", text.replace("at_most: 0.01", "at_mots: 0.01"))
    result = red.run("--mi-annotations", "github", "--mi-summary", "s.md", *workers, "behaviours/cd.yaml")
    lines = annotated(result)
    assert [line.partition(",title")[0] for line in lines] == [
        "::error file=behaviours/cd.yaml,line=5,col=3",
        "::error file=behaviours/cd.yaml,line=19,col=16",
    ]
    assert lines[0].split("::")[2].startswith("unknown key 'cuont' in 'prompts'; ")
    if not workers:
        assert summary(red, "s.md").startswith(
            "✗ **mi-checks: no check ran**. Errors: `behaviours/cd.yaml:5:3: unknown"
        )


def test_a_node_that_a_model_lacks_and_a_name_given_twice_are_annotated(project):
    project.behaviour("ab", checks="  - patching: {nodes: L9H0, recovers: {at_least: 0.5}}")
    project.copy("ef", project.behaviour("cd"))
    result = project.run("--mi-annotations", "github")
    places = [line.partition(",title")[0] for line in annotated(result)]
    assert places == [
        "::error file=behaviours/ab.yaml,line=18,col=23",
        "::error file=behaviours/ef.yaml,line=1,col=1",
    ]


def test_a_file_that_cannot_be_written_is_told_and_fails_the_run(project, monkeypatch):
    project.behaviour()
    replace = os.replace

    def full(part, path):
        if str(path).endswith((".html", "run.json", "summary.md")):
            raise OSError(28, os.strerror(28))
        replace(part, path)

    monkeypatch.setattr(files.os, "replace", full)
    places = ("--mi-report", "report.html", "--mi-run", "run.json", "--mi-summary", "summary.md")
    result = project.run(*places, "--mi-annotations", "github")
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    for what, path in (("report", "report.html"), ("run", "run.json"), ("summary", "summary.md")):
        told = f"cannot write the {what} to */{path}: No space left on device; name another file (--mi-{what})"
        result.stdout.fnmatch_lines([told])
        result.stdout.fnmatch_lines([f"::error title=mi-checks::{told}"])
        assert f"{what}: {path}" not in result.stdout.str()
    assert not list(project.path.glob("*.part"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--mi-annotations", "gihub"],
            "ERROR: --mi-annotations 'gihub': use one of auto, github, none; did you mean *",
        ),
        (["--mi-summary", "file/s.md"], "ERROR: --mi-summary: cannot make the folder '*file': *"),
        (
            ["--mi-summary", "reports/report.html"],
            "ERROR: --mi-summary: '*report.html' is where the report or the run is written; name another file",
        ),
    ],
)
def test_an_option_that_will_not_do(project, options, message):
    project.behaviour()
    project.write("file", "not a folder")
    result = project.run(*options)
    assert result.ret == 4
    result.stderr.fnmatch_lines([message])
