"""`--mi-familywise`: the correction of a whole run, and how many false passes are expected without it."""

import xml.etree.ElementTree as ElementTree

import pytest

from mi_checks.results.read_run import read_run

NEAR = "  - logit_diff: {{at_least: {bound:.9f}}}"


@pytest.fixture
def near_bound(project):
    """Two behaviours whose only check passes with a p-value just below 2.5 %, which together are not significant."""
    project.behaviour("ab")
    project.behaviour("cd")
    project.run("--mi-run", "first.json")
    for result in read_run(project.path / "first.json").results:
        estimate = result.estimate
        bound = estimate.low - 0.02 * (estimate.value - estimate.low)
        project.behaviour(result.behaviour, checks=NEAR.format(bound=bound))
    return project


def outcomes(project):
    return [(each.behaviour, each.outcome) for each in read_run(project.path / "reports" / "report.json").results]


def test_passes_near_their_bounds_are_counted(near_bound):
    result = near_bound.run()
    assert result.ret == 0
    sentence = (
        "2 checks passed, all of them near their bounds (p ≥ 0.0025); fewer than 0.1 false passes are expected among "
        "these. --mi-familywise corrects for all checks together."
    )
    assert sentence in result.stdout.str()
    assert sentence in (near_bound.path / "reports" / "report.html").read_text(encoding="utf-8")


def test_nothing_is_said_of_passes_far_from_their_bounds(project):
    project.behaviour()
    text = project.run().stdout.str()
    assert "near" not in text
    assert "familywise" not in text


@pytest.mark.parametrize("workers", [(), ("-n", "2"), ("-n", "2", "--dist", "loadgroup")])
def test_all_outputs_agree_on_the_corrected_outcomes(near_bound, workers):
    result = near_bound.run("--mi-familywise", "--junitxml=out.xml", "--mi-summary", "summary.md", *workers)
    assert result.ret == 1
    result.assert_outcomes(failed=2, passed=0)
    assert outcomes(near_bound) == [("ab", "inconclusive"), ("cd", "inconclusive")]
    for each in read_run(near_bound.path / "reports" / "report.json").results:
        assert 0.0025 <= each.p_value < 0.025
        assert each.reason == (
            f"p = {each.p_value:.3f}, and {2 * each.p_value:.3f} after correcting for the 2 checks of this run "
            "(--mi-familywise)"
        )
        assert each.reason in result.stdout.str()
        assert each.message.startswith("inconclusive: measured ")
    suite = next(ElementTree.parse(near_bound.path / "out.xml").iter("testsuite"))  # noqa: S314
    assert (suite.get("tests"), suite.get("failures"), len(suite.findall("testcase"))) == ("2", "2", 2)
    for case in suite.findall("testcase"):
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        assert properties["mi_outcome"] == "inconclusive"
        assert "after correcting for the 2 checks" in case.find("failure").text
    said = "2 p-values corrected together by Holm's method (--mi-familywise): 2 checks that pass by themselves are"
    assert said in result.stdout.str()
    assert said in (near_bound.path / "summary.md").read_text(encoding="utf-8")


def test_they_are_the_last_failures(near_bound):
    near_bound.run("--mi-familywise")
    result = near_bound.run("--mi-familywise", "--lf", "-k", "ab")
    result.assert_outcomes(passed=1, deselected=1)  # a family of one needs no correction


def test_a_run_in_which_nothing_changes_says_so(project):
    project.behaviour()
    result = project.run("--mi-familywise", "--junitxml=out.xml")
    assert result.ret == 0
    assert "1 p-value corrected together by Holm's method (--mi-familywise): no outcome changed." in result.stdout.str()


def test_the_ini_file_may_ask_for_it(near_bound):
    near_bound.ini("mi_familywise = true")
    assert near_bound.run().ret == 1
