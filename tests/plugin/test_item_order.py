"""The order of measuring: a behaviour that shows a circuit first, then as in the files, or on workers the longest."""

import re

import pytest

from mi_checks.plugin.item_order import in_order_of_measuring
from mi_checks.results.read_run import read_run
from tests.plugin.conftest import ABSENT, BOUND

CLAIM = "  - logit_diff: {at_least: 1.5}\n  - patching: {nodes: induction, recovers: {at_least: 0.1}}"
MODELS = "  nano-solu-2l: {nodes: {induction: L1H1}}\n  nano-gelu-2l: {nodes: {induction: L1H4}}\n" + BOUND


@pytest.fixture
def groups(project):
    """Which groups are measured when, as behaviour and model."""

    def groups(measured=None, *, longest_first=False, count=None):
        items, _ = project.pytester.inline_genitems()
        order = in_order_of_measuring(items, count, measured or {}, longest_first=longest_first)
        assert sorted(map(id, order)) == sorted(map(id, items))
        names = [item.nodeid.rpartition("::")[0].removeprefix("behaviours/").replace(".yaml::", " ") for item in order]
        once = list(dict.fromkeys(names))
        assert [name for name in names if name != once[-1]] == [
            name for each in once[:-1] for name in names if name == each
        ]
        return once

    return groups


def test_induction_is_first_on_a_model_without_mlps_and_one_with_mlps(project, groups):
    project.behaviour("ab", checks=CLAIM, models=BOUND)
    project.behaviour("induction", checks=CLAIM, models=f"{MODELS}\n{ABSENT}")
    first = ["induction nano-attn-2l", "induction nano-solu-2l"]
    assert groups() == [*first, "ab nano-attn-2l", "induction nano-gelu-2l", "induction nano-attn-1l"]


def test_without_induction_the_smallest_claimed_circuit_is_first(project, groups):
    project.behaviour("ab", checks=CLAIM, models="  nano-attn-3l: {nodes: {induction: L1H2}}")
    project.behaviour("cd", models="  nano-attn-1l: {}")  # names no nodes, so that no circuit is claimed
    project.behaviour("ef", checks=CLAIM, models=BOUND)
    assert groups() == ["ef nano-attn-2l", "ab nano-attn-3l", "cd nano-attn-1l"]


def test_on_workers_the_longest_come_first(project, groups):
    for name in ("ab", "cd", "ef", "gh"):
        project.behaviour(name, checks=CLAIM, models=BOUND)
    seconds = {
        f"behaviours/{name}.yaml::nano-attn-2l": value for name, value in (("cd", 1.0), ("ef", 3.0), ("gh", 2.0))
    }
    assert groups(seconds) == [f"{name} nano-attn-2l" for name in ("ab", "cd", "ef", "gh")]
    assert groups(seconds, longest_first=True) == [f"{name} nano-attn-2l" for name in ("ab", "ef", "gh", "cd")]


def test_what_was_not_measured_is_estimated_from_prompts_and_the_size_of_models(project, groups):
    project.behaviour("ab")
    project.behaviour("cd", models="  nano-attn-2l: {count: 48}\n  nano-attn-4l: {}\n  nano-gelu-4l: {}")
    larger = ["cd nano-gelu-4l", "cd nano-attn-4l"]
    assert groups(longest_first=True) == [*larger, "cd nano-attn-2l", "ab nano-attn-2l"]
    assert groups(longest_first=True, count=16) == [*larger, "ab nano-attn-2l", "cd nano-attn-2l"]
    # In the unit of what was measured: these two took long for their size, and so may the others.
    measured = {"behaviours/ab.yaml::nano-attn-2l": 30.0, "behaviours/cd.yaml::nano-attn-2l": 90.0}
    assert groups(measured, longest_first=True) == [*larger, "cd nano-attn-2l", "ab nano-attn-2l"]
    assert groups({**measured, "behaviours/cd.yaml::nano-gelu-4l": 31.0}, longest_first=True) == [
        "cd nano-attn-4l", "cd nano-attn-2l", "cd nano-gelu-4l", "ab nano-attn-2l"
    ]  # fmt: skip


def test_a_model_that_does_not_exist_is_reported_by_its_item(project, groups):
    project.behaviour("ab", models="  nano-attn-2l: {}\n  hf:nobody/nothing: {}")
    assert groups(longest_first=True) == ["ab hf:nobody/nothing", "ab nano-attn-2l"]


def test_other_tests_keep_their_order(project):
    project.behaviour("ab")
    project.behaviour("induction", checks=CLAIM, models=BOUND)
    project.write("test_other.py", "def test_other(): pass")
    items, _ = project.pytester.inline_genitems()
    assert in_order_of_measuring(items, None, {}, longest_first=True) == items


def test_reports_keep_the_order_of_the_files(project):
    project.behaviour("ab", checks=CLAIM, models=BOUND)
    project.behaviour("induction", checks=CLAIM, models=BOUND)
    checks = ("logit_diff", "patching[induction]")
    files = [f"behaviours/{name}.yaml::nano-attn-2l::{check}" for name in ("ab", "induction") for check in checks]
    assert project.ids() == files
    result = project.run("-v")
    ran = [line.split()[0] for line in result.outlines if re.search(r"::logit_diff (PASSED|FAILED)", line)]
    assert ran == [files[2], files[0]]
    assert [each.node_id for each in read_run(project.path / "reports/report.json").results] == files
    table = [line.split()[0] for line in result.outlines if re.match(r"(ab|induction) +✓", line)]
    assert table == ["ab", "induction"]
