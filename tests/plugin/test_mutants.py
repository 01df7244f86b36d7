"""`--mi-mutants`: each check again, on models in which its claim is false."""

import pytest

from mi_checks.results.read_run import read_run
from mi_checks.results.run import mutants_id
from tests.plugin.conftest import ABSENT, BOUND, CHECKS

GOOD = "  - patching: {nodes: L1H2, recovers: {at_least: 0.2}}"
ASLEEP = "  - patching: {nodes: L1H2, recovers: {at_least: -5, at_most: 5}}"  # whatever L1H2 does
NODE = "behaviours/ab.yaml::nano-attn-2l::patching[L1H2]"


def test_without_the_option_there_are_none(project):
    project.behaviour(checks=GOOD)
    assert project.ids() == [NODE]
    assert "mutants" not in project.run().stdout.str()


def test_every_check_is_followed_by_its_mutants(project):
    project.whole()
    ids = project.ids("--mi-mutants")
    assert len(ids) == 12
    assert [mutants_id(check) for check in ids[::2]] == ids[1::2]
    assert project.ids("--mi-mutants", "-k", "absent") == [
        "behaviours/ab.yaml::nano-attn-1l::absent", "behaviours/ab.yaml::nano-attn-1l::absent~mutants"
    ]  # fmt: skip


def test_0_when_all_are_killed(project):
    checks = CHECKS.replace("to: B1, at_least: 0.1", "to: B1, at_least: 0.15")
    project.behaviour(checks=checks, models=f"{BOUND}\n{ABSENT}")
    result = project.run("--mi-mutants", "--mi-count", "96")
    assert result.ret == 0
    result.assert_outcomes(passed=12)
    # preference: logits turned, twice; patching: zeroed, exchanged; mediators: likewise; attention: blinded, exchanged;
    # absent: a model that has it
    result.stdout.fnmatch_lines(["ab  ✓ absent * ✓ 5/5*", "mutants: 9 of 9 killed", "report: *"])


@pytest.mark.parametrize("named", [(), ("--mi-report", "page.html")])
def test_circuits_are_drawn_if_the_report_is_named(project, named):
    project.behaviour(checks="  - mediators: {component: head, above: 0.1, include: L1H2}")
    result = project.run("--mi-mutants", "--mi-run", "run.json", *named)
    (evidence,) = read_run(project.path / "run.json").evidence
    assert (evidence.circuit is not None) == bool(named)
    assert ("The report has no circuits" in result.stdout.str()) == (not named)


def test_a_head_that_looks_nowhere_in_particular_tells_a_bound_that_is_too_low(project):
    project.whole()
    result = project.run("--mi-mutants", "--mi-count", "96")
    assert result.ret == 1
    result.assert_outcomes(passed=11, failed=1)
    result.stdout.fnmatch_lines(  # a ninth of its attention is on each of nine tokens
        ["  survived  L1H2 attends uniformly: measured 0.111 *, bound at least 0.1"]
    )


def test_1_when_a_check_sleeps(project):
    project.behaviour(checks=ASLEEP)
    result = project.run("--mi-mutants")
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "fail: [12] of 2 mutants survived; the check still passes if L1H2 *",
            "  claim     denoising L1H2 recovers at least -5 and at most 5 of clean − corrupt",
            "  survived  L1H2 changed places with L1H?: measured *, bound at least -5 and at most 5",
            "  claimed   behaviours/ab.yaml:18",
            f"  re-run    pytest '{NODE.replace('[', '~mutants?').replace(']', '?')}' --mi-mutants",
            "mutants: [01] of 2 killed",
            f"  survived: {NODE.replace('[', '~mutants?').replace(']', '?')}: L1H2 changed places with L1H?",
        ]
    )


def test_what_the_message_says_to_run_runs_it_again(project):
    project.behaviour(checks=f"{GOOD}\n{ASLEEP.replace('L1H2', 'L1H1')}")
    result = project.run(mutants_id(NODE).replace("L1H2", "L1H1"), "--mi-mutants")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["mutants: [01] of 2 killed", "  survived: *patching~mutants?L1H1?: L1H1 changed places with L1H?"]
    )


def test_only_what_slept_runs_again(project):
    project.behaviour(checks=ASLEEP)
    project.run("-p", "cacheprovider", "--mi-mutants").assert_outcomes(passed=1, failed=1)
    project.run("-p", "cacheprovider", "--mi-mutants", "--lf").assert_outcomes(failed=1)


def test_a_check_that_does_not_pass_has_none(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}")
    result = project.run("--mi-mutants", "-rs")
    assert result.ret == 1
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(["*behaviours/ab.yaml:18: the check does not pass on the unmutated model (fail)"])


def test_a_check_that_cannot_be_measured_has_none(project, folder):
    project.behaviour()
    result = project.run("--mi-mutants", "-rs", "--mi-model", f"nano-attn-2l={folder(nan=True)}")
    result.assert_outcomes(failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*: the check itself cannot be measured: nano-attn-2l=* could not be loaded; see the first error"]
    )


def test_a_model_that_is_not_replayed_has_none(project):
    project.behaviour()
    result = project.run("--mi-mutants", "-rs", "--mi-engine", "reference")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ["*behaviours/ab.yaml:18: mutants need the replay engine, and nano-attn-2l is measured by the reference engine"]
    )


def test_an_absence_without_a_model_that_has_the_behaviour_has_none(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}", models="  nano-attn-1l: absent")
    result = project.run("--mi-mutants", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*: no bundled model with this tokenizer is declared to have the behaviour"])


def test_an_absence_that_nothing_contradicts_is_reported(project):
    project.behaviour(checks="  - logit_diff: {at_least: 90}", models="  nano-attn-2l: {}\n  nano-attn-1l: absent")
    result = project.run("--mi-mutants", "-k", "absent")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["fail: 1 of 1 mutants survived; * if nano-attn-2l, which is declared to have the behaviour, takes its place"]
    )


ROLES = """\
roles:
  induction: {score: induction, at_least: 0.6, most: 1}
  copier: {score: copying, at_least: 0.2, most: 1}
checks:
  - patching: {nodes: [induction, copier], recovers: {at_least: 0.2}}
"""


def with_roles(project, roles):
    text = project.behaviour(checks="")
    return project.copy("ab", text.replace("checks:\n", roles))


def test_a_role_moves_with_its_heads_and_vanishes_with_what_they_do(project):
    with_roles(project, ROLES)
    project.run("--mi-update")
    result = project.run("--mi-mutants", "-v", "-k", "role")
    assert result.ret == 0
    result.assert_outcomes(passed=4, deselected=3)  # the baseline that was written is an item too
    result.stdout.fnmatch_lines(["*::role~mutants?copier? PASSED*", "mutants: 4 of 4 killed"])


def test_a_role_scored_by_the_project_has_none(project):
    with_roles(project, ROLES.replace("score: copying, at_least: 0.2", "score: own, at_least: 11"))
    score = "lambda model: [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]"
    project.write("conftest.py", f"def pytest_mi_role_scores(config):\n    return {{'own': {score}}}\n")
    project.run("--mi-update")
    result = project.run("--mi-mutants", "-rs", "-k", "role and copier")
    result.assert_outcomes(passed=1, skipped=1, deselected=5)
    result.stdout.fnmatch_lines(["*: the score own is defined by this project and reads the unmutated model"])


def test_the_ini_file_can_ask_for_them(project):
    project.ini("mi_mutants = true")
    project.behaviour(checks=GOOD)
    project.run().stdout.fnmatch_lines(["mutants: 2 of 2 killed"])


def test_workers_find_what_one_process_does(project):
    pytest.importorskip("xdist")
    project.behaviour("ab", checks=f"{GOOD}\n  - logit_diff: {{at_least: 1.5}}")
    project.behaviour("cd", checks=ASLEEP)
    alone = project.run("--mi-mutants")
    spread = project.run("--mi-mutants", "-n", "2")
    assert spread.ret == alone.ret == 1
    spread.assert_outcomes(passed=5, failed=1)
    last = [[line for line in run.outlines if "mutants: " in line and "passed" not in line] for run in (alone, spread)]
    assert last[0] == last[1]
    assert last[1][0] in ("mutants: 3 of 5 killed", "mutants: 4 of 5 killed")  # 4: zeroed, it moves nothing at all
