"""pytest's own ways of choosing what runs."""


def test_k(project):
    project.whole()
    assert project.ids("-k", "patching or absent") == [
        "behaviours/ab.yaml::nano-attn-2l::patching[induction]",
        "behaviours/ab.yaml::nano-attn-1l::absent",
    ]
    assert project.ids("-k", "nano-attn-1l") == ["behaviours/ab.yaml::nano-attn-1l::absent"]


def test_m_takes_the_marks_of_the_files(project):
    project.behaviour("ab", mark="in_context")
    project.behaviour("cd", mark="recall")
    assert project.ids("-m", "recall") == ["behaviours/cd.yaml::nano-attn-2l::logit_diff"]
    assert project.ids("-m", "not recall") == ["behaviours/ab.yaml::nano-attn-2l::logit_diff"]


def test_marks_of_files_are_registered(project):
    """`--strict-markers` holds in these runs, and warnings are errors."""
    project.behaviour(mark="recall")
    result = project.run("--mi-count", "4", "-m", "recall")
    assert "PytestUnknownMarkWarning" not in result.stdout.str()
    assert result.ret in (0, 1)


def test_a_mark_can_skip_or_expect_a_failure(project):
    project.behaviour("ab", mark="skip")
    project.behaviour("cd", mark="xfail", checks="  - logit_diff: {at_least: 50}")
    result = project.run()
    result.assert_outcomes(skipped=1, xfailed=1)
    assert result.ret == 0


FAILS_IN_THE_MIDDLE = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_most: 0.01}
  - accuracy: {at_least: 0.1, against: corrupt}"""


def test_x_stops_at_the_first_failure(project):
    project.behaviour(checks=FAILS_IN_THE_MIDDLE)
    result = project.run("-x")
    result.assert_outcomes(passed=1, failed=1)
    assert result.ret == 1
    result.stdout.fnmatch_lines(["ab  ✗ 1/2", "report: *"])


def test_lf_runs_the_failed_one_again(project):
    project.behaviour(checks=FAILS_IN_THE_MIDDLE)
    project.run().assert_outcomes(passed=2, failed=1)
    assert project.ids("--lf") == ["behaviours/ab.yaml::nano-attn-2l::accuracy"]
    project.run("--lf").assert_outcomes(failed=1)
