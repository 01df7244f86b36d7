"""Results and runs as they would be measured, for whatever reads or compares them."""

from mi_checks.results.run import CheckResult, Place, Run
from mi_checks.spec.bound import Bound
from mi_checks.stats.intervals import mean_interval
from mi_checks.stats.judgement import judge

PROVENANCE = {"source": "bundled", "weights_sha256": "a" * 64, "engine": "replay"}


def result(check, values, *, at_least=None, at_most=None, **given):
    """A check of these values per prompt, judged by its bound; None: it was not measured."""
    estimate = None if values is None else mean_interval(values, given.pop("unit", "logits"))
    bound = None if at_least is None and at_most is None else Bound(at_least=at_least, at_most=at_most)
    fields = {
        "behaviour": "induction",
        "model": "nano-attn-2l",
        "check": check,
        "kind": check.partition("[")[0],
        "node_id": f"behaviours/induction.yaml::{check}",
        "claim": f"{check} is {bound}",
        "outcome": "pass" if estimate is None or bound is None else judge(estimate, bound),
        "estimate": estimate,
        "bound": str(bound or ""),
        "at_least": None if bound is None else bound.at_least,
        "at_most": None if bound is None else bound.at_most,
        "message": "",
        "place": Place("behaviours/induction.yaml", 20),
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
