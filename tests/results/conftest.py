"""Runs as pytest would leave them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.results.evidence import Evidence
from mi_checks.results.run import Run
from mi_checks.results.write_run import write_run
from tests.effects import around, effect
from tests.made_results import before_the_fifth_schema, result, run_of
from tests.report.circuits import CIRCUIT


@pytest.fixture
def run() -> Run:
    """Three checks of two kinds on two models: one passes, one fails, one could not be measured."""
    shown = Evidence(
        behaviour="induction", model="nano-attn-2l", summary="", source="", declared="present", yaml="", yaml_path="",
        n=64, logit_diff=effect("nano-attn-2l", around(3)).estimate, effect=effect("nano-attn-2l", around(3)),
        examples=(), heatmaps=(),
    )  # fmt: skip
    return run_of(
        result("logit_diff", around(3), at_least=2),
        result("patching[induction]", around(0.2, 0.1), at_least=0.5, unit="fraction of clean − corrupt"),
        result("logit_diff", None, model="nano-attn-1l", outcome="error", message="no such node\n  claimed"),
        evidence=(shown,),
    )


@pytest.fixture
def path(run: Run, tmp_path: Path) -> Path:
    """That run, written."""
    write_run(run, tmp_path / "run.json")
    return tmp_path / "run.json"


@pytest.fixture
def drawn(run: Run) -> Run:
    """That run with a circuit."""
    first, *others = run.evidence
    return replace(run, evidence=(replace(first, circuit=CIRCUIT), *others))


@pytest.fixture
def fourth_schema(run: Run, path: Path) -> Path:
    """That run as schema 4 had it, with a claim that says how it was tested and which node decided."""
    data = before_the_fifth_schema(run)
    for each in data["results"]:
        for name in ("deciding", "detail", "reason", "parts", "nodes_lost", "nodes_gained"):
            del each[name]
    for each in data["evidence"]:
        del each["score"], each["effect_sizes"]
        shown = {"clean": [], "corrupt": [], "answers": [" a"], "foils": [" b"], "clean_top": [], "corrupt_top": []}
        each["examples"] = [{**shown, "clean_logit_diff": float(i), "corrupt_logit_diff": 0.0} for i in range(2)]
    del data["lints"], data["guards"]
    path.write_text(json.dumps({**data, "schema_version": 4}))
    return path


@pytest.fixture
def third_schema(drawn: Run, path: Path) -> Path:
    """The run with a circuit as schema 3 had it."""
    data = before_the_fifth_schema(drawn)
    for each in data["evidence"]:
        del each["circuit"]["neurons"]
        for card in each["circuit"]["cards"]:
            del card["sources"]
    path.write_text(json.dumps({**data, "schema_version": 3}))
    return path


@pytest.fixture
def second_schema(run: Run, path: Path) -> Path:
    """That run as schema 2 had it."""
    data = before_the_fifth_schema(run)
    for each in data["evidence"]:
        del each["circuit"], each["curves"]
    path.write_text(json.dumps({**data, "schema_version": 2}))
    return path


@pytest.fixture
def first_schema(second_schema: Path) -> Path:
    """That run as schema 1 had it."""
    data = json.loads(second_schema.read_text())
    for each in data["results"]:
        del each["prompts_sha256"]
    second_schema.write_text(json.dumps({**data, "schema_version": 1}))
    return second_schema
