"""The benchmark that times the whole suite: what belongs to a stage, the comparison of records, and a short run."""

import ast
import importlib
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def suite(monkeypatch):
    """The script, which imports what stands beside it."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("suite")


@pytest.fixture
def stage_sampler(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("stage_sampler")


@pytest.fixture
def record(suite):
    timing = suite.RunTiming("warm-n1", 4.0, 3.0, [600, 700], 3116, {"imports": 3.0, "collection": 1.0})
    return suite.SuiteRecord(
        "2026-12-01T10:00+00:00", "abcd1234", "a CPU", 2, 90.0, {"python": "3.11"}, ["behaviours/"], [], [], [timing]
    )


def test_every_stage_names_code_that_exists(stage_sampler):
    for rule in stage_sampler.RULES:
        if not rule.path.startswith("mi_checks/"):
            continue
        place = ROOT / rule.path
        assert place.exists(), rule
        if rule.function:
            defined = [
                each.name for each in ast.walk(ast.parse(place.read_text())) if isinstance(each, ast.FunctionDef)
            ]
            assert rule.function in defined, rule


def test_a_stage_within_another_one_is_its_own(stage_sampler):
    sweep = ("/x/mi_checks/checks/measurements.py", "sweep")
    engine = ("/x/mi_checks/engine/replay/replay_engine.py", "scores")
    shown = ("/x/mi_checks/suite/evidence/gather.py", "sweep_for_report")
    interval = ("/x/mi_checks/stats/intervals.py", "mean_interval")
    assert stage_sampler.stage_of([engine, sweep]) == "sweeps of checks"
    assert stage_sampler.stage_of([engine, sweep, shown]) == "sweeps for the report"
    assert stage_sampler.stage_of([interval, sweep]) == "intervals and p-values"
    assert stage_sampler.stage_of([engine, ("/x/mi_checks/checks/path.py", "check_path")]) == "other patching"
    assert stage_sampler.stage_of([("/x/somewhere.py", "sweep")]) == "rest"


def test_a_record_is_shown_beside_previous_ones_of_the_same_behaviours(suite, record):
    faster = replace(record, commit="new", gflops=180.0, runs=[replace(record.runs[0], wall_s=2.0, cpu_s=2.25)])
    table = suite.comparison_table(faster, [replace(record, models=["other"], commit="unlike"), record])
    assert "unlike" not in table[0]
    assert table[0].count("abcd1234") == 2
    assert table[2] == "| warm-n1 | 3,116 | 2.0 (≤ 5) | 2.2 | 600 + 700 | 0.50 | 0.75 |"
    assert table[3].endswith("| 180.0 |  |  | 2.00 | 2.00 |")
    assert "| imports | 75.0% |" in suite.stage_table(faster)


def test_what_takes_more_than_it_may_is_named(suite, record):
    assert suite.exceeded_limits(record) == []
    slow = suite.RunTiming("cold-n2", 91.0, 170.0, [100, 1400, 1501], 3116, {})
    assert suite.exceeded_limits(replace(record, runs=[slow])) == [
        "cold-n2 took 91.0 s; the limit is 90 s",
        "cold-n2 took 1,501 MB; the limit is 1,500 MB",
    ]


def test_records_are_appended(suite, record, tmp_path):
    path = tmp_path / "suite.json"
    for _ in range(2):
        suite.append_record(path, record)
    assert suite.read_records(path) == [record, record]


def test_the_latest_record_is_on_the_page(suite):
    page = (BENCHMARKS / "README.md").read_text(encoding="utf-8")
    assert suite.section(suite.read_records(suite.RECORDS)) in page


def test_workers_are_sampled_and_a_warm_run_follows_a_cold_one(tmp_path):
    path = tmp_path / "suite.json"
    command = [
        sys.executable, str(BENCHMARKS / "suite.py"), "--only", "collect", "warm-n2", "--json", str(path),
        "--behaviours", "behaviours/previous_token.yaml", "--models", "nano-attn-1l",
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "| warm-n2 |" in done.stdout
    collect, warm = json.loads(path.read_text())[0]["runs"]
    assert collect["stage_s"]["starting Python and pytest"] > 0
    assert len(collect["peak_mb"]) == 1
    assert len(warm["peak_mb"]) == 3
    assert warm["results"] > 0
    assert warm["stage_s"]["clean and corrupted runs"] == 0
    assert sum(warm["stage_s"].values()) > 0
