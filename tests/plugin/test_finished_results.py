"""A run that changes nothing loads no model: it reports what an earlier run has found, as this run would say it."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from mi_checks.plugin import result_cache
from mi_checks.results.read_run import read_run

CHECKS = """\
  - logit_diff: {at_least: 1.5}
  - accuracy: {at_least: 0.999}
  - patching: {nodes: induction, recovers: {at_least: 0.3}}
  - mediators: {component: head, above: 0.2, include: induction}
  - curve: {among: heads, cpr: {at_least: 0.1}}"""
ROLES = "roles:\n  induction: {score: induction, at_least: 0.5}\n"
LOCK = "schema: 1\nroles:\n  ab:\n    nano-attn-2l:\n      induction: {L1H1: 0.89, L1H2: 0.92}\n"
MODELS = "  nano-attn-2l: {inconclusive: [accuracy]}\n  nano-attn-1l: absent"
LOCK_FILE, BASELINE = "behaviours/roles.lock.yaml", "behaviours/baselines/ab/nano-attn-2l.json"
ALL = "cache: 7 of 7 results reused"
HEAVY = ("torch", "transformers", "transformer_lens")


def write(project, *, checks=CHECKS, summary="A B … A → B"):
    text = project.behaviour(checks=checks, models=MODELS)
    text = text.replace('summary: "A B … A → B"', f'summary: "{summary}"').replace("count: 16", "count: 64")
    project.copy("ab", text.replace("checks:\n", f"{ROLES}checks:\n"))


@pytest.fixture
def finished(project):
    """A project with a role, a baseline, a failure and an absent model, which an earlier run has measured."""
    write(project)
    project.write(LOCK_FILE, LOCK)
    project.run("--mi-update")
    project.run("--mi-strict", "--mi-run", "first.json")
    return project


def cache_line(result):
    return next((line for line in result.outlines if line.startswith("cache:")), "")


def comparable(path):
    """Everything in a run that does not depend on when it was made."""
    run = read_run(path)
    results = tuple(replace(each, seconds=0) for each in run.results)
    return replace(run, results=results, seconds=0, started="", command="")


def test_a_recalled_run_is_equal_in_every_field(finished):
    second = finished.run("--mi-strict", "--mi-run", "second.json")
    assert cache_line(second) == ALL
    first = comparable(finished.path / "first.json")
    assert comparable(finished.path / "second.json") == first
    assert {each.outcome for each in first.results} == {"pass", "fail"}
    assert first.evidence[0].curves
    assert first.guards
    measured = finished.run("--mi-strict", "--mi-run", "third.json", "--mi-no-cache")
    assert cache_line(measured) == ""
    assert comparable(finished.path / "third.json") == first


def test_a_recalled_run_imports_no_model_library(finished):
    code = (
        "import sys, pytest\n"
        "pytest.main(['-q', '--mi-strict', '-p', 'no:hypothesispytest'])\n"
        f"print('heavy:', sorted({{*{HEAVY!r}}} & {{*sys.modules}}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=finished.path,
        check=False,
        env={**os.environ, "PYTHONWARNINGS": ""},
    )
    assert ALL in done.stdout.splitlines(), done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_a_model_that_is_not_fetched_imports_no_model_library(project, tmp_path, monkeypatch):
    monkeypatch.setenv("MI_CHECKS_CACHE", str(tmp_path))
    project.behaviour(models="  smollm2-135m: {}")
    code = "import sys, pytest; pytest.main(['-q']); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=project.path, check=False)
    assert "1 skipped" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_workers_report_stored_results(finished):
    pytest.importorskip("xdist")
    second = finished.run("--mi-strict", "--mi-run", "second.json", "-n", "2")
    assert "measurements" not in cache_line(second)
    assert comparable(finished.path / "second.json") == comparable(finished.path / "first.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda project: write(project, summary="other words"),
        lambda project: write(project, checks=CHECKS.replace("1.5", "1.6")),
        lambda project: project.write(LOCK_FILE, LOCK.replace("L1H1: 0.89, ", "")),
    ],
    ids=["summary", "bound", "lock"],
)
def test_another_file_is_judged_anew(finished, change):
    change(finished)
    assert "7 of 7" not in cache_line(finished.run("--mi-strict"))


@pytest.mark.parametrize(
    "options",
    [
        ("--mi-seed", "7"),
        ("--mi-count", "48"),
        ("--mi-engine", "reference"),
        ("--mi-dtype", "bfloat16"),
        ("--mi-debug",),
        ("--mi-update",),
        ("--mi-update-new-only",),
        ("--mi-base", "nano-attn-2l"),
        ("--mi-no-cache",),
    ],
    ids=" ".join,
)
def test_other_options_report_no_stored_results(finished, options):
    assert "results" not in cache_line(finished.run("--mi-strict", *options))


def test_mutants_are_made_of_what_this_run_measures(finished):
    result = finished.run("--mi-strict", "--mi-mutants", "-k", "accuracy")
    assert "results" not in cache_line(result)


def test_a_selection_is_stored_apart(finished):
    """A curve is in the evidence only if its check ran."""
    for _ in range(2):
        result = finished.run("-k", "not curve and not baseline", "--mi-run", "part.json")
        assert not read_run(finished.path / "part.json").evidence[0].curves
    assert "results reused" in cache_line(result)


def test_a_run_that_is_cut_short_stores_nothing(project):
    project.behaviour(checks="  - logit_diff: {at_least: 99}\n  - accuracy: {at_least: 0.1}")
    project.run("-x")
    second = project.run()
    second.assert_outcomes(passed=1, failed=1)
    assert "results" not in cache_line(second)


def test_a_changed_baseline_is_compared_with_stored_results(finished):
    path = finished.path / BASELINE
    data = json.loads(path.read_text(encoding="utf-8"))
    check = data["checks"]["patching[induction]"]
    check["per_prompt"] = [value - 1 for value in check["per_prompt"]]
    path.write_text(json.dumps(data), encoding="utf-8")
    result = finished.run("--mi-strict", "--mi-run", "second.json")
    assert cache_line(result) == ALL
    baseline = next(
        each
        for each in read_run(finished.path / "second.json").results
        if each.check == "baseline" and "2l" in each.model
    )
    assert baseline.outcome in ("fail", "error")


def test_messages_name_the_place_of_this_run(finished, monkeypatch):
    monkeypatch.chdir(finished.path / "behaviours")
    stored = finished.run("ab.yaml", "--mi-strict", "--mi-run", "there.json")
    assert cache_line(stored) == ALL
    finished.run("ab.yaml", "--mi-strict", "--mi-run", "measured.json", "--mi-no-cache")
    there, measured = (comparable(finished.path / name) for name in ("there.json", "measured.json"))
    failure = next(each for each in there.results if each.is_failure)
    assert failure.message.splitlines()[-1] == f"  re-run    pytest ab.yaml::nano-attn-2l::{failure.check}"
    assert there == measured


def test_a_garbled_entry_counts_as_absent(finished):
    for entry in (finished.path / ".pytest_cache/d/mi_checks").iterdir():
        data = entry.read_bytes()
        if b"results.npy" in data:
            entry.write_bytes(data.replace(b'"results": [', b'"results": {'))
    second = finished.run("--mi-strict")
    assert "results" not in cache_line(second)
    assert "measurements reused" in cache_line(second)


def test_a_gpu_that_auto_may_choose_keeps_results_from_being_used(monkeypatch, tmp_path):
    monkeypatch.setattr(result_cache.importlib.metadata, "version", lambda name: "2.9.0")
    monkeypatch.setattr(result_cache.sys, "platform", "linux")
    monkeypatch.setattr(result_cache, "GPU_FILES", (str(tmp_path / "none"),))
    assert result_cache.auto_is_cpu()
    monkeypatch.setattr(result_cache, "GPU_FILES", (str(tmp_path),))
    assert not result_cache.auto_is_cpu()
    monkeypatch.setattr(result_cache.sys, "platform", "win32")
    assert not result_cache.auto_is_cpu()
    monkeypatch.setattr(result_cache.importlib.metadata, "version", lambda name: "2.9.0+cpu")
    assert result_cache.auto_is_cpu()
