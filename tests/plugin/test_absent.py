"""A model may be declared not to have a behaviour; then having it is the failure."""

from pathlib import Path

BEHAVIOURS = Path(__file__).parents[2] / "behaviours"


def test_a_shipped_behaviour_is_absent_where_it_says_so(project):
    project.copy("induction", (BEHAVIOURS / "induction.yaml").read_text(encoding="utf-8"))
    result = project.run("--mi-model", "nano-attn-1l", "-k", "induction", "--mi-count", "64")
    assert result.ret == 0
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["           nano-attn-1l", "induction  ✓ absent"])


def test_it_fails_where_the_behaviour_shows_up(project):
    project.behaviour(models="  nano-attn-2l: absent")
    result = project.run()
    assert result.ret == 1
    result.stdout.re_match_lines(
        [
            r"fail: measured .*, bound at least 1\.5",
            r"  claim     the behaviour is absent: “the mean logit difference is at least 1\.5.*",
            r"  because   the model is declared not to have the behaviour, but has it.*",
            r"  claimed   behaviours/ab.yaml:20",
            r"  re-run    pytest behaviours/ab.yaml::nano-attn-2l::absent",
            r"ab  ✗ absent",
        ]
    )


def test_it_is_inconclusive_where_nobody_can_tell(project):
    project.behaviour(models="  nano-attn-2l: absent", checks="  - logit_diff: {at_least: 5}")
    result = project.run()
    assert result.ret == 1
    result.stdout.fnmatch_lines(["inconclusive: measured *", "ab  [?] absent"])


def test_junit_names_it(project):
    project.behaviour(models="  nano-attn-1l: absent")
    project.run("--junitxml=out.xml")
    assert 'name="mi_outcome" value="pass"' in (project.path / "out.xml").read_text(encoding="utf-8")
