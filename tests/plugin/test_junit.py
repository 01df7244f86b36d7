"""What a CI server is told."""

import xml.etree.ElementTree as ElementTree

import pytest

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_most: 0.01}"""


@pytest.fixture
def cases(project):
    project.behaviour(checks=CHECKS)
    project.run("--junitxml=out.xml")
    tree = ElementTree.parse(project.path / "out.xml")  # noqa: S314  # written by the line above
    return {
        case.get("name"): {p.get("name"): p.get("value") for p in case.iter("property")}
        for case in tree.iter("testcase")
    }


def test_measured_values_are_properties(cases):
    found = cases["nano-attn-2l::logit_diff"] if "nano-attn-2l::logit_diff" in cases else cases["logit_diff"]
    assert list(found) == ["mi_measured", "mi_low", "mi_high", "mi_n", "mi_outcome", "mi_bound"]
    assert float(found["mi_low"]) < float(found["mi_measured"]) < float(found["mi_high"])
    assert (found["mi_n"], found["mi_outcome"], found["mi_bound"]) == ("16", "pass", "at least 1.5")


def test_a_failing_check_has_them_too(cases):
    found = next(properties for name, properties in cases.items() if name.endswith("accuracy"))
    assert (found["mi_outcome"], found["mi_bound"]) == ("fail", "at most 0.01")
    assert float(found["mi_measured"]) > 0.5


def test_a_check_that_could_not_be_measured(project):
    project.behaviour()
    project.run("--junitxml=out.xml", "--mi-count", "8", "--mi-device", "nonsense")
    tree = ElementTree.parse(project.path / "out.xml")  # noqa: S314
    assert {p.get("name"): p.get("value") for p in tree.iter("property")} == {"mi_outcome": "error", "mi_bound": ""}
