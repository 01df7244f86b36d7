"""What the shell is told."""

import pytest

from mi_checks import files
from mi_checks.results.read_run import read_run
from tests.plugin.conftest import LIGHT

BAD = """\
name: Bad
summary: "two mistakes in the shape"
prompts:
  count: many
  variables: {A: {tokens: random}, B: {tokens: random}}
  template: "{{ A }}"
  corrupt: {A: B}
  answer: "{{ A }}"
  foils: ["{{ B }}"]
checks:
  - logit_dif: {at_least: 1}
models:
  nano-attn-2l: {}
"""


def test_0_when_all_pass(project):
    project.whole()
    result = project.run("--mi-count", "96")
    assert result.ret == 0
    result.assert_outcomes(passed=6)


def test_1_when_a_check_fails(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["fail: measured *", "ab  ✗ 0/1"])


def test_1_when_a_check_is_inconclusive(project):
    project.behaviour(checks="  - logit_diff: {at_least: 5}")
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(
        [
            "inconclusive: measured 5.* bound at least 5",
            "  because   the interval contains the bound; about * prompts would settle it (--mi-count *",
            "ab  [?] 0/1",
        ]
    )


def test_2_when_a_file_has_mistakes_and_nothing_runs(project):
    project.behaviour()
    project.copy("bad", BAD)
    result = project.run()
    assert result.ret == 2
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        [
            "behaviours/bad.yaml:1:7: *'Bad'*",
            "behaviours/bad.yaml:4:10: *the text 'many'*",
            "behaviours/bad.yaml:11:5: unknown *'logit_dif'*did you mean 'logit_diff'?",
        ]
    )
    assert "Traceback" not in result.stdout.str()
    assert "report:" not in result.stdout.str()


def test_2_when_a_file_has_mistakes_and_it_is_only_collected(project):
    project.copy("bad", BAD)
    result = project.run("--collect-only")
    assert result.ret == 2
    assert "behaviours/bad.yaml:11:5: " in result.stdout.str()


def test_2_when_a_head_is_outside_the_model(project):
    project.behaviour(checks="  - patching: {nodes: L9H0, recovers: {at_least: 0.5}}")
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["behaviours/ab.yaml:18:23: node 'L9H0' does not exist in nano-attn-2l, which has layers 0 to 1"]
    )


def test_2_when_a_model_is_unknown(project):
    project.behaviour(models="  nano-atn-2l: {}")
    result = project.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["behaviours/ab.yaml:20:3: unknown model 'nano-atn-2l'; known models: *; did you mean 'nano-attn-2l'[?]"]
    )


def test_1_when_a_file_has_mistakes_and_workers_run_the_others(project):
    """pytest-xdist's way: it does not stop for what could not be collected."""
    pytest.importorskip("xdist")
    project.behaviour()
    project.copy("bad", BAD)
    result = project.run("-n", "1")
    assert result.ret == 1
    result.assert_outcomes(passed=1, errors=1)


def test_1_when_a_baseline_drifted(project, folder):
    project.behaviour()
    project.run("--mi-update")
    assert project.run("--mi-model", f"nano-attn-2l={folder(zero_heads=[(1, 2)])}").ret == 1
    assert project.run().ret == 0


def test_1_when_a_file_could_not_be_written(project, monkeypatch):
    project.behaviour()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.os, "replace", full)
    result = project.run("-p", "no:cacheprovider")
    assert result.ret == 1
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["cannot write the report to *: No space left on device; name another file *"])


def test_2_when_it_is_interrupted(project):
    project.behaviour(checks=f"{LIGHT}\n  - accuracy: {{at_least: 0.65}}")
    project.write(
        "conftest.py",
        "def pytest_runtest_setup(item):\n    if item.name == 'accuracy':\n        raise KeyboardInterrupt\n",
    )
    assert project.pytester.inline_run(no_reraise_ctrlc=True).ret == 2
    (result,) = read_run(project.path / "reports/report.json").results  # what ran is kept
    assert (result.check, result.outcome) == ("logit_diff", "pass")


def test_3_when_pytest_or_a_plugin_breaks(project):
    project.behaviour()
    project.write("conftest.py", "def pytest_collection_finish(session):\n    raise ValueError('broken')\n")
    result = project.run()
    assert result.ret == 3
    result.stdout.fnmatch_lines(["INTERNALERROR> ValueError: broken"])


def test_4_when_an_option_cannot_be_used(project):
    project.behaviour()
    assert project.run("--mi-dtype", "int4").ret == 4
    assert project.run("--mi-modle", "nano-attn-2l").ret == 4


def test_5_when_there_is_nothing(project):
    assert project.run().ret == 5
    assert project.run("--mi-model", "nano-attn-2l").ret == 5
