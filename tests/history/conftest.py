"""Runs as pytest would leave them, one for each month, and a history of some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mi_checks.history.run_store import History, NewRun
from mi_checks.results.evidence import Evidence, Heatmap, Mediator
from mi_checks.results.run import Run
from mi_checks.results.write_run import run_text
from mi_checks.stats.estimate import Estimate
from tests.effects import around, effect
from tests.made_results import result, run_of

WEIGHTS = {"source": "bundled", "dtype": "float32", "tokenizer_sha256": "t" * 64}


def share(value: float, width: float = 0.02) -> Estimate:
    return Estimate(value, value - width, value + width, 64, "fraction of clean − corrupt", "bootstrap")


def heads(**values: float | None) -> Evidence:
    """Sweep six heads in two layers: those above 0.05 are listed with intervals; None: there was no effect size."""
    named = {"L0H0": 0.9, "L0H1": 0.0, "L0H2": 0.0, "L1H0": 0.0, "L1H1": 0.0, "L1H2": 0.0} | values
    rows = [[named[f"L{layer}H{head}"] for head in range(3)] for layer in range(2)]
    has_effect_size = None not in named.values()
    shown = tuple(tuple(9.0 if value is None else value for value in row) for row in rows)
    listed = [(name, value) for name, value in named.items() if value is not None and value > 0.05]
    return Evidence(
        behaviour="induction", model="nano-attn-2l", summary="", source="", declared="present", yaml="name: induction",
        yaml_path="", n=64, logit_diff=effect("nano-attn-2l", around(3)).estimate,
        effect=effect("nano-attn-2l", around(3)), examples=(),
        heatmaps=(Heatmap("heads", ("L0", "L1"), ("H0", "H1", "H2"), shown, "head"),),
        mediators=tuple(Mediator(name, "", share(value)) for name, value in listed) if has_effect_size else (),
    )  # fmt: skip


def month(number: int, logit_diff: float | None = 6.0, *, step: int | None = None, **given: object) -> Run:
    """A run of one check, whose weights are those of its month and, if there is one, of a training step."""
    sha = given.pop("weights", f"{number:x}" * 64)
    trained = {} if step is None else {"revision": f"checkpoint {step}", "step": str(step)}
    models = {"nano-attn-2l": {**WEIGHTS, "weights_sha256": sha, **trained}}
    evidence = given.pop("evidence", ())
    values = None if logit_diff is None else around(logit_diff)
    fields = {"outcome": "error"} if logit_diff is None else {"at_least": 2}
    run = run_of(result("logit_diff", values, **{**fields, **given}), models=models, evidence=evidence)
    return replace(run, started=f"2026-{number:02}-01T12:00:00+00:00", versions={"mi-checks": "0.1"})


def entry(run: Run, place: str = "run.json") -> NewRun:
    return NewRun(run, run_text(run), place)


@pytest.fixture
def history_of(tmp_path: Path) -> Callable[..., Path]:
    """A history of these runs, at a path."""

    def history_of(*runs: Run) -> Path:
        path = tmp_path / "history.sqlite3"
        with History.at(path, create=True) as history:
            history.add([entry(run) for run in runs])
        return path

    return history_of
