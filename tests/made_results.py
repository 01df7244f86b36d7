"""Results and runs as they would be measured, for whatever reads or compares them."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np

from mi_checks.results.claim import Claim
from mi_checks.results.run import CheckResult, FileLine, Run
from mi_checks.spec.check import Bound
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.judgement import judge
from mi_checks.stats.sampling import independent

PROVENANCE = {"source": "bundled", "weights_sha256": "a" * 64, "engine": "replay"}


def result(check, values, *, at_least=None, at_most=None, **given):
    """A check of these values per prompt, judged by its bound; None: it was not measured."""
    estimate = (
        None
        if values is None
        else mean_interval(np.asarray(values, dtype=float), given.pop("unit", "logits"), independent(len(values)))
    )
    bound = None if at_least is None and at_most is None else Bound(at_least=at_least, at_most=at_most)
    fields = {
        "behaviour": "induction",
        "model": "nano-attn-2l",
        "check": check,
        "kind": check.partition("[")[0],
        "node_id": f"behaviours/induction.yaml::{check}",
        "claim": Claim("", text=f"{check} is {bound}"),
        "outcome": "pass" if estimate is None or bound is None else judge(estimate, bound),
        "estimate": estimate,
        "bound": str(bound or ""),
        "at_least": None if bound is None else bound.at_least,
        "at_most": None if bound is None else bound.at_most,
        "message": "",
        "place": FileLine("behaviours/induction.yaml", 20),
        "per_prompt": () if values is None else tuple(map(float, values)),
        "prompts_sha256": "" if values is None else "prompts",
    }
    return CheckResult(**{**fields, **given})


def run_of(*results, evidence=(), models=None, **given):
    """A run of these."""
    names = dict.fromkeys(each.model for each in results)
    fields = {
        "command": "pytest",
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.5,
        "versions": {"python": "3.11"},
        "settings": {"dtype": "float32"},
        "selected": len(results),
        "models": models or {name: dict(PROVENANCE) for name in names},
        "results": results,
        "evidence": tuple(evidence),
    }
    return Run(**{**fields, **given})


def before_the_sixth_schema(run: Run) -> dict[str, Any]:
    """A run's data as the fifth schema had it."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(run)))
    for each in data["results"]:
        each["claim"] = each["claim"]["text"] if each["claim"] else ""
    return {**data, "schema_version": 5}


def before_the_fifth_schema(run: Run) -> dict[str, Any]:
    """A run's data as schemas before the fifth had it."""
    data = before_the_sixth_schema(run)
    for each in (data, *data["evidence"]):
        del each["omitted"]
    for each in (*data["results"], *data["mutants"]):
        place = each.pop("place")
        each["location"] = f"{place['file']}:{place['line']}"
        each.pop("verdict", None)
    for each in data["evidence"]:
        for heatmap in each["heatmaps"]:
            del heatmap["component"], heatmap["at"]
    selected = data.pop("selected")
    data["settings"]["checks run"] = f"{len(data['results'])} of {selected}"
    return data
