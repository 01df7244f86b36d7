"""Behaviours over the workers of `pytest -n`."""

import json
import re

import pytest

from mi_checks.plugin.measured_seconds import KEY
from mi_checks.plugin.scheduling import BehaviourScheduling
from mi_checks.results.read_run import read_run

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_least: 0.5}
  - patching: {nodes: L1H2, recovers: {at_least: 0.1}}"""


class Worker:
    """What a scheduler sees of a worker, which measures one item after the other."""

    def __init__(self, name):
        self.name, self.queue, self.done, self.shutting_down = name, [], [], False
        self.gateway, self.id = self, name

    def send_runtest_some(self, indices):
        assert not self.shutting_down
        self.queue += indices

    def shutdown(self):
        self.shutting_down = True

    @property
    def ready(self):
        """A worker starts an item only if it knows the next one, or that there is none."""
        return len(self.queue) > 1 or (bool(self.queue) and self.shutting_down)


@pytest.fixture
def distribute(pytester):
    """Who measures what: groups by worker, where an item of a group takes as long as `seconds` says."""

    def distribute(groups, *, seconds=None, known=None, workers=2, items=4, crashing=""):
        config = pytester.parseconfig(f"--tx={workers}*popen")
        scheduling = BehaviourScheduling(config, None, known or {})
        ids = [f"{group}::check{i}" for group in groups for i in range(items)]
        team = [Worker(f"gw{i}") for i in range(workers)]
        free_at = dict.fromkeys(team, 0.0)
        for worker in team:
            scheduling.add_node(worker)
            scheduling.add_node_collection(worker, ids)
        scheduling.schedule()
        crashed = []
        while any(worker.ready for worker in team):
            worker = min((worker for worker in team if worker.ready), key=free_at.__getitem__)
            index = worker.queue[0]
            if ids[index] == crashing and not crashed:
                crashed.append(scheduling.remove_node(worker))
                team.remove(worker)
                team.append(Worker("gw9"))
                free_at[team[-1]] = free_at[worker]
                scheduling.add_node(team[-1])
                scheduling.add_node_collection(team[-1], ids)
                scheduling.schedule()
                worker.queue.clear()
                team.append(worker)
                continue
            worker.queue.pop(0)
            worker.done.append(ids[index])
            free_at[worker] += (seconds or {}).get(ids[index].rpartition("::")[0], 1.0) / items
            scheduling.mark_test_complete(worker, index)
        assert scheduling.tests_finished
        assert not scheduling.has_pending
        assert sorted([*(done for worker in team for done in worker.done), *crashed]) == sorted(ids)
        return {
            worker.name: list(dict.fromkeys(done.rpartition("::")[0] for done in worker.done))
            for worker in sorted(team, key=lambda worker: worker.name)
        }

    return distribute


def test_groups_stay_together_and_are_taken_in_order(distribute):
    groups = [f"{name}.yaml::nano-attn-2l" for name in "abcdef"]
    assert distribute(groups) == {"gw0": groups[0::2], "gw1": groups[1::2]}
    seconds = {groups[0]: 9.0}
    assert distribute(groups, seconds=seconds) == {"gw0": [groups[0], groups[2]], "gw1": [groups[1], *groups[3:]]}


def test_groups_of_one_item(distribute):
    groups = [f"{name}.yaml::nano-attn-2l" for name in "abcde"]
    by_worker = distribute(groups, items=1)
    assert sorted(by_worker["gw0"] + by_worker["gw1"]) == groups


def test_more_workers_than_groups(distribute):
    assert distribute(["a.yaml::nano-attn-2l"], workers=3) == {"gw0": ["a.yaml::nano-attn-2l"], "gw1": [], "gw2": []}


@pytest.mark.parametrize("model", ["smollm2-135m", "hf:org/unknown", "a_(strange)_name"])
def test_a_large_model_is_loaded_by_one_worker(distribute, model):
    large = [f"{name}.yaml::{model}" for name in "abc"]
    small = [f"{name}.yaml::nano-attn-2l" for name in "defghijk"]
    by_worker = distribute([*large, *small], seconds=dict.fromkeys(large, 2.0))
    assert [group for group in by_worker["gw0"] if group in large] == large
    assert not set(by_worker["gw1"]) & set(large)
    assert by_worker["gw0"][:3] == large


def test_a_second_worker_loads_a_large_model_if_much_of_its_work_is_left(distribute):
    large = [f"{name}.yaml::smollm2-135m" for name in "abcdef"]
    little = distribute(large, known=dict.fromkeys(large, 10.0))
    assert little == {"gw0": large, "gw1": []}
    much = distribute(large, known=dict.fromkeys(large, 100.0))
    assert all(much.values())
    unknown = distribute(large)  # it may be much
    assert all(unknown.values())


def test_the_item_in_which_a_worker_crashes_does_not_run_again(distribute):
    groups = [f"{name}.yaml::nano-attn-2l" for name in "abcd"]
    by_worker = distribute(groups, crashing=f"{groups[1]}::check2")
    assert {group for groups in by_worker.values() for group in groups} == set(groups)


def test_the_worker_that_replaces_one_with_a_large_model_loads_it(distribute):
    large = [f"{name}.yaml::smollm2-135m" for name in "abc"]
    by_worker = distribute(
        [*large, "d.yaml::nano-attn-2l"], known=dict.fromkeys(large, 1.0), crashing=f"{large[0]}::check0"
    )
    assert {group for groups in by_worker.values() for group in groups} >= set(large)


@pytest.fixture
def several(project):
    for name in ("ab", "cd", "ef"):
        project.behaviour(name, checks=CHECKS)
    return project


def scheduler(result):
    return next(line for line in result.outlines if line.startswith("scheduling tests via "))


def workers(result):
    """The workers that each behaviour ran on, in the order of the terminal."""
    found = {}
    for worker, name in re.findall(r"\[(gw\d)\] .*?PASSED behaviours/(\w+).yaml::", result.stdout.str()):
        found.setdefault(name, set()).add(worker)
    return found


def test_behaviours_are_not_split_between_workers(several):
    result = several.run("behaviours", "-n", "2", "-v")
    result.assert_outcomes(passed=9)
    assert scheduler(result) == "scheduling tests via BehaviourScheduling"
    assert {name: len(on) for name, on in workers(result).items()} == {"ab": 1, "cd": 1, "ef": 1}
    assert "@" not in "".join(line for line in result.outlines if "PASSED" in line)
    spread = read_run(several.path / "reports/report.json")
    several.run("behaviours")
    alone = read_run(several.path / "reports/report.json")
    assert [(each.node_id, each.estimate) for each in spread.results] == [
        (each.node_id, each.estimate) for each in alone.results
    ]
    assert [each.behaviour for each in spread.evidence] == ["ab", "cd", "ef"]


def test_what_took_longest_starts_first(several):
    seconds = {
        f"behaviours/{name}.yaml::nano-attn-2l": value for name, value in (("ab", 1.0), ("cd", 2.0), ("ef", 9.0))
    }
    several.write(f".pytest_cache/v/{KEY}", json.dumps(seconds))
    result = several.run("behaviours", "-n", "1", "-v")
    assert list(workers(result)) == ["ef", "cd", "ab"]


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (("behaviours", "--dist", "load"), "LoadScheduling"),
        (("behaviours", "-d"), "LoadScheduling"),
        (("behaviours", "--dist=loadgroup"), "LoadGroupScheduling"),
        ((".",), "LoadScheduling"),
        (("behaviours/ab.yaml::nano-attn-2l", "behaviours/cd.yaml"), "BehaviourScheduling"),
    ],
)
def test_the_users_choice_and_other_tests_stay_with_xdist(several, arguments, name):
    result = several.run(*arguments, "-n", "2", "-v")
    assert result.ret == 0
    assert scheduler(result) == f"scheduling tests via {name}"


def test_pytests_own_options_work(several):
    several.behaviour("cd", checks=f"{CHECKS}\n  - patching: {{nodes: L0H0, recovers: {{at_least: 0.9}}}}")
    several.run("behaviours", "-n", "2").assert_outcomes(passed=9, failed=1)
    failed = several.run("behaviours", "-n", "2", "--lf")
    failed.assert_outcomes(failed=1)
    again = several.run("behaviours", "-n", "2", "--ff", "-v")
    again.assert_outcomes(passed=9, failed=1)
    first = several.run("behaviours", "-n", "1", "-x")
    first.stdout.fnmatch_lines(["*stopping after 1 failures*"])
    assert first.ret == 2
    selected = several.run("behaviours", "-n", "2", "-k", "ab or ef")
    selected.assert_outcomes(passed=6)


CRASHING = """\
import os
import signal

def pytest_runtest_setup(item):
    if "cd" in item.nodeid and item.name == "accuracy":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_crash_costs_one_item(several):
    several.write("conftest.py", CRASHING)
    result = several.run("behaviours", "-n", "2")
    result.assert_outcomes(passed=8, failed=1)
    assert result.stdout.str().count("crashed while running 'behaviours/cd.yaml::nano-attn-2l::accuracy'") == 1
