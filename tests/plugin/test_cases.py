"""A table of cases: one behaviour each, in ids, selection, table and report."""

import re

import pytest

CASES = """\
cases:
  near: {variables: {pre: {length: 1}}}
  far: {variables: {pre: {length: 9}}, bounds: {"patching[L1H2]": {at_most: 0.01}}}
"""
CHECKS = """\
  - logit_diff: {at_least: 0.5}
  - patching: {nodes: L1H2, recovers: {at_least: 0.1}}"""
IDS = [
    "behaviours/ab.yaml::near::nano-attn-2l::logit_diff",
    "behaviours/ab.yaml::near::nano-attn-2l::patching[L1H2]",
    "behaviours/ab.yaml::far::nano-attn-2l::logit_diff",
    "behaviours/ab.yaml::far::nano-attn-2l::patching[L1H2]",
]


@pytest.fixture
def cases(project):
    text = project.behaviour(checks=CHECKS)
    project.copy("ab", text + CASES)
    return project


def test_ids_and_their_selection(cases):
    assert cases.ids() == IDS
    for item in IDS:
        assert cases.ids(item) == [item]
    assert cases.ids("behaviours/ab.yaml::far") == IDS[2:]
    assert cases.ids("-k", "near") == IDS[:2]
    assert cases.ids("-k", "ab and far and patching") == IDS[3:]
    assert cases.ids("-m", "in_context") == IDS


def test_what_failed_is_named_and_runs_again(cases):
    first = cases.run("-p", "cacheprovider", "--mi-report", "report.html")
    first.assert_outcomes(passed=3, failed=1)
    first.stdout.fnmatch_lines(
        [
            "*far::nano-attn-2l::patching?L1H2?*",
            "  re-run    pytest 'behaviours/ab.yaml::far::nano-attn-2l::patching?L1H2?'",
            "*nano-attn-2l",
            "ab?near?*2/2",
            "ab?far?*1/2",
        ]
    )
    html = (cases.path / "report.html").read_text(encoding="utf-8")
    assert "<h2>ab[near]</h2>" in html
    assert "<h2>ab[far]</h2>" in html
    anchors = set(re.findall(r'id="([^"]+)"', html))
    assert set(re.findall(r'href="#([^"]+)"', html)) <= anchors
    again = cases.run("-p", "cacheprovider", "--lf")
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(["*rerun previous 1 failure*", f"FAILED {IDS[3].replace('[', '?').replace(']', '?')}*"])


def test_workers_measure_what_one_process_does(cases):
    pytest.importorskip("xdist")
    spread = cases.run("-n", "2", "--dist", "loadgroup", "--mi-report", "spread.html")
    spread.assert_outcomes(passed=3, failed=1)
    spread.stdout.fnmatch_lines(["ab?near?*2/2", "ab?far?*1/2"])  # in the order of the file, not of the alphabet


def test_a_mistake_in_a_case_ends_the_run(cases):
    path = cases.path / "behaviours/ab.yaml"
    path.write_text(path.read_text().replace("length: 9", "length: many"))
    result = cases.run()
    assert result.ret == 2
    result.stdout.fnmatch_lines(
        ["*behaviours/ab.yaml:24:*'prompts.variables.pre.length' must be a whole number, not the text 'many'"]
    )
