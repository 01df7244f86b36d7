"""What a CI server is told."""

import xml.etree.ElementTree as ElementTree

import pytest

from tests.plugin.test_mutants import ASLEEP

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_most: 0.01}"""


def junit(project, *options):
    """By the names of their items."""
    project.run("--junitxml=out.xml", *options)
    tree = ElementTree.parse(project.path / "out.xml")  # noqa: S314  # written by the line above
    return {case.get("name").rpartition("::")[2]: case for case in tree.iter("testcase")}


def properties(case):
    return {each.get("name"): each.get("value") for each in case.iter("property")}


@pytest.fixture
def cases(project):
    project.behaviour(checks=CHECKS)
    return {name: properties(case) for name, case in junit(project).items()}


def test_measured_values_are_properties(cases):
    found = cases["logit_diff"]
    assert list(found) == ["mi_location", "mi_measured", "mi_low", "mi_high", "mi_n", "mi_outcome", "mi_bound"]
    assert found["mi_location"] == "behaviours/ab.yaml:18"
    assert float(found["mi_low"]) < float(found["mi_measured"]) < float(found["mi_high"])
    assert (found["mi_n"], found["mi_outcome"], found["mi_bound"]) == ("16", "pass", "at least 1.5")


def test_a_failing_check_has_them_too(cases):
    found = cases["accuracy"]
    assert (found["mi_outcome"], found["mi_bound"]) == ("fail", "at most 0.01")
    assert float(found["mi_measured"]) > 0.5


def test_a_check_that_could_not_be_measured(project):
    project.behaviour()
    project.run("--junitxml=out.xml", "--mi-count", "8", "--mi-device", "nonsense")
    tree = ElementTree.parse(project.path / "out.xml")  # noqa: S314
    found = {p.get("name"): p.get("value") for p in tree.iter("property")}
    assert found == {"mi_location": "behaviours/ab.yaml:18", "mi_outcome": "error", "mi_bound": ""}


def test_mutants_that_survived_and_baselines_that_drifted(project, folder):
    project.behaviour(checks=ASLEEP)
    project.run("--mi-update")
    model = f"nano-attn-2l={folder(zero_heads=[(1, 2)])}"
    drifted = junit(project, "--mi-model", model, "-o", "junit_family=xunit1")["baseline"]
    assert (drifted.get("file"), drifted.get("line")) == ("behaviours/ab.yaml", "0")
    assert properties(drifted) == {"mi_location": "behaviours/ab.yaml:1", "mi_outcome": "fail"}
    assert drifted.find("failure").get("message").startswith("Failed: drifted: 1 of 1 effects")
    found = junit(project, "--mi-mutants", "-o", "junit_family=xunit1")
    (survived,) = (case for name, case in found.items() if "~mutants" in name)
    assert (survived.get("file"), survived.get("line")) == ("behaviours/ab.yaml", "17")
    assert properties(survived) == {
        "mi_location": "behaviours/ab.yaml:18",
        "mi_mutants": "2",
        "mi_mutants_killed": "0",
    }
    assert survived.find("failure").get("message").startswith("Failed: fail: 2 of 2 mutants survived; ")
