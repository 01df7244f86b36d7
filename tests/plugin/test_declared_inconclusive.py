"""Checks that are declared inconclusive: expected failures for pytest, and failures if they pass."""

import xml.etree.ElementTree as ElementTree

import pytest

from mi_checks.results.read_run import read_run

FAR = "  - logit_diff: {at_least: 1.5}"
DECLARED = "  nano-attn-2l: {inconclusive: [logit_diff]}"
NODE = "behaviours/ab.yaml::nano-attn-2l::logit_diff"


def results(project):
    return read_run(project.path / "reports" / "report.json").results


@pytest.fixture
def inconclusive(project):
    """A behaviour whose bound is the measured value itself, and a check that passes; returns the bound."""
    project.behaviour()
    project.run()
    bound = results(project)[0].estimate.value

    def write(models=DECLARED, checks=f"  - logit_diff: {{at_least: {bound:.6f}}}\n  - accuracy: {{at_least: 0.5}}"):
        project.behaviour(checks=checks, models=models)
        return project

    return write


def test_it_is_an_expected_failure(inconclusive):
    project = inconclusive()
    result = project.run("-rx", "--junitxml=out.xml", "-p", "no:cacheprovider")
    assert result.ret == 0
    result.assert_outcomes(passed=1, xfailed=1)
    found, other = results(project)
    assert (found.outcome, found.declared, found.is_failure) == ("inconclusive", "inconclusive", False)
    assert (other.outcome, other.declared) == ("pass", "")
    estimate = found.estimate
    [line] = [each for each in result.outlines if each.startswith("XFAIL")]
    assert f"XFAIL {NODE}" in line
    assert "declared inconclusive: measured" in line
    assert f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}], bound {found.bound}" in line
    assert "the interval contains the bound" in line
    [skipped] = ElementTree.parse(project.path / "out.xml").iter("skipped")  # noqa: S314
    assert skipped.get("type") == "pytest.xfail"
    result.stdout.fnmatch_lines(["ab  [?] 1/2", "*[?] inconclusive*"])
    result.stdout.no_fnmatch_line("*failures by behaviour and model*")


def test_undeclared_it_fails(inconclusive):
    result = inconclusive("  nano-attn-2l: {}").run()
    result.assert_outcomes(passed=1, failed=1)


def test_an_item_that_passes_fails(project):
    project.behaviour(models=DECLARED, checks=FAR)
    result = project.run("-vv")
    assert result.ret == 1
    result.assert_outcomes(failed=1)
    [found] = results(project)
    estimate = found.estimate
    measured = f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}], at least 1.5"
    assert found.message.splitlines()[0] == (
        f"fail: declared inconclusive on nano-attn-2l, but it passes: {measured}; remove it from 'inconclusive' "
        "(behaviours/ab.yaml:20)"
    )
    assert (found.outcome, found.declared, found.is_failure) == ("fail", "inconclusive", True)
    assert found.p_value < 0.025
    for line in found.message.splitlines():
        assert line in result.stdout.str()
    result.stdout.fnmatch_lines(["ab on nano-attn-2l: 1 of 1 checks did not pass"])
    project.run("--lf").assert_outcomes(failed=1)
    project.behaviour(models="  nano-attn-2l: {}", checks=FAR)
    project.run("--lf").assert_outcomes(passed=1)


def test_an_item_that_fails_fails_as_any_check_does(project):
    project.behaviour(models=DECLARED, checks="  - logit_diff: {at_least: 50}")
    result = project.run()
    result.assert_outcomes(failed=1)
    [found] = results(project)
    assert found.message.startswith("fail: measured ")
    assert found.is_failure


@pytest.mark.parametrize(
    "option", [("--mi-count", "20"), ("--mi-seed", "5"), ("--mi-model", "nano-attn-2l=nano-gelu-2l")]
)
def test_what_the_file_does_not_say_may_pass(project, option):
    project.behaviour(models=DECLARED, checks="  - logit_diff: {at_least: 0.5}")
    project.run(*option).assert_outcomes(passed=1)
    [found] = results(project)
    assert (found.outcome, found.declared) == ("pass", "inconclusive")


def test_an_absence_may_be_inconclusive(inconclusive):
    project = inconclusive("  nano-attn-2l: {absent: inconclusive}", checks="  - logit_diff: {at_least: 5}")
    result = project.run("-rx")
    assert result.ret == 0
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines(["ab  [?] absent", "XFAIL *::absent - declared inconclusive: *"])


def test_an_inconclusive_absence_that_holds_fails(project):
    project.behaviour(models="  nano-attn-1l: {absent: inconclusive}")
    result = project.run()
    result.assert_outcomes(failed=1)
    [found] = results(project)
    assert found.message.splitlines()[0].endswith("; write 'absent' alone (behaviours/ab.yaml:20)")
    assert "but it passes" in found.message


def test_runxfail_reports_it_as_a_failure(inconclusive):
    inconclusive().run("--runxfail").assert_outcomes(passed=1, failed=1)


def test_workers_and_the_last_failures(inconclusive):
    project = inconclusive()
    project.run("-n", "2").assert_outcomes(passed=1, xfailed=1)
    assert [each.declared for each in results(project)] == ["inconclusive", ""]
    assert "lastfailed" not in {path.name for path in (project.path / ".pytest_cache").rglob("*")}


def test_it_is_no_problem_for_ci(inconclusive):
    project = inconclusive()
    result = project.run("--mi-annotations", "github", "--mi-summary", "summary.md", "--mi-familywise")
    assert result.ret == 0
    assert "::error" not in result.stdout.str()
    summary = (project.path / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("✓ **mi-checks: 1 of 2 checks passed**, 1 inconclusive as declared, on 1 behaviour")
    assert "Affected" not in summary


def test_its_baseline_is_compared(inconclusive):
    project = inconclusive()
    project.run("--mi-update").assert_outcomes(passed=1, xfailed=1)
    project.run().assert_outcomes(passed=2, xfailed=1)


def test_it_is_not_run_on_mutants(inconclusive):
    project = inconclusive()
    result = project.run("--mi-mutants", "-rs", "-k", "logit_diff")
    result.assert_outcomes(xfailed=1, skipped=1, deselected=2)
    result.stdout.fnmatch_lines(["*the check does not pass on the unmutated model (inconclusive, as declared)*"])


def test_strict_finds_no_reason_to_doubt_it(inconclusive):
    inconclusive().run("--mi-strict").assert_outcomes(passed=2, xfailed=1)
