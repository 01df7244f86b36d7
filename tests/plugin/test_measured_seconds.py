"""How long behaviours took is kept in pytest's cache."""

import json

import pytest

from mi_checks.plugin.measured_seconds import KEY, KEY_WITH_MUTANTS, MeasuredSeconds
from tests.plugin.conftest import ABSENT

AB, CD = "behaviours/ab.yaml::nano-attn-2l", "behaviours/cd.yaml::nano-attn-2l"


@pytest.fixture
def stored(project):
    def stored(key=KEY):
        path = project.path / ".pytest_cache/v" / key
        return json.loads(path.read_text()) if path.exists() else None

    return stored


def report(node_id, duration, when="call"):
    return pytest.TestReport(node_id, ("", None, ""), {}, "passed", None, when, duration=duration)


def test_each_behaviour_on_each_model_has_its_seconds(project, stored):
    project.behaviour(models=f"  nano-attn-2l: {{}}\n{ABSENT}")
    project.run("--durations=0", "-vv")
    assert list(stored()) == [AB, "behaviours/ab.yaml::nano-attn-1l"]
    assert all(seconds > 0 for seconds in stored().values())


@pytest.mark.parametrize("options", [("behaviours", "-n", "2"), ("behaviours", "-n", "2", "--dist", "loadgroup")])
def test_workers_seconds_are_stored_by_the_controller(project, stored, options):
    project.behaviour("ab")
    project.behaviour("cd")
    project.run(*options)
    assert set(stored()) == {AB, CD}


def test_all_phases_of_all_items_are_added_up(project, stored):
    project.behaviour()
    seconds = MeasuredSeconds(project.pytester.parseconfigure())
    for node_id, duration, when in (
        (f"{AB}::logit_diff", 1.0, "setup"),
        (f"{AB}::logit_diff", 2.0, "call"),
        (f"{AB}::accuracy@ab-nano-attn-2l", 4.0, "call"),
        (f"{AB}::accuracy@ab-nano-attn-2l", 8.0, "teardown"),
        ("tests/test_other.py::test_other", 16.0, "call"),
    ):
        seconds.pytest_runtest_logreport(report(node_id, duration, when))
    seconds.save()
    assert stored() == {AB: 15.0}


def test_a_run_that_recalls_everything_does_not_make_the_next_one_forget(project, stored):
    project.behaviour("ab")
    project.behaviour("cd")
    for cd, ab in (({CD: 3.0}, 8.0), ({}, 0.5), ({}, 5.0)):
        seconds = MeasuredSeconds(project.pytester.parseconfigure())
        for node_id, duration in {**cd, AB: ab}.items():
            seconds.pytest_runtest_logreport(report(f"{node_id}::logit_diff", duration))
        seconds.save()
    assert stored() == {AB: 5.0, CD: 3.0}


def test_behaviours_whose_files_are_gone_are_dropped(project, stored):
    project.behaviour("ab")
    gone = project.path / "behaviours/cd.yaml"
    project.behaviour("cd")
    project.run()
    assert set(stored()) == {AB, CD}
    gone.unlink()
    project.run()
    assert set(stored()) == {AB}


def test_mutants_have_seconds_of_their_own(project, stored):
    project.behaviour()
    project.run("--mi-mutants")
    assert stored() is None
    assert list(stored(KEY_WITH_MUTANTS)) == [AB]


@pytest.mark.parametrize("content", ["[]", '{"behaviours/ab.yaml::nano-attn-2l": "long"}', "{", '{"x": -1.0}'])
def test_a_record_that_is_broken_counts_as_none(project, stored, content):
    project.behaviour()
    project.write(f".pytest_cache/v/{KEY}", content)
    assert project.run().ret == 0
    assert list(stored()) == [AB]


def test_without_a_cache_nothing_is_stored(project, stored):
    project.behaviour()
    assert project.run("-p", "no:cacheprovider").ret == 0
    assert project.run("--collect-only").ret == 0
    assert stored() is None
