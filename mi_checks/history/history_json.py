"""The answers of `mi-checks history` as JSON, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mi_checks.history.check_over_time import CheckHistory, CheckSummary, ResultInRun
from mi_checks.history.head_over_time import HeadHistory, mediation_sentence
from mi_checks.history.run_store import RunSummary
from mi_checks.results.evidence import MIN_MEDIATOR_FRACTION
from mi_checks.stats.estimate import Estimate

ESTIMATE_FIELDS = ("value", "low", "high", "n", "unit", "refusal")


def run_list(runs: Sequence[RunSummary]) -> dict[str, Any]:
    """Return the answer of `mi-checks history list`."""
    return {"runs": [asdict(each) for each in runs]}


def check_histories(histories: Sequence[CheckHistory]) -> dict[str, Any]:
    """Return the answer of `mi-checks history show --check`."""
    return {
        "behaviour": histories[0].behaviour,
        "checks": [
            {
                "check": each.check,
                "model": each.model,
                "runs": [_result(result) for result in each.results],
            }
            for each in histories
        ],
    }


def head_histories(histories: Sequence[HeadHistory]) -> dict[str, Any]:
    """Return the answer of `mi-checks history mediators`."""
    return {
        "behaviour": histories[0].behaviour,
        "node": histories[0].node,
        "mediates_above": MIN_MEDIATOR_FRACTION,
        "models": [
            {
                "model": each.model,
                "at": each.label,
                "answer": mediation_sentence(each),
                "changes": [
                    {
                        "from": before.mediates,
                        "to": after.mediates,
                        "before": before.model_run.run,
                        "after": after.model_run.run,
                    }
                    for before, after in each.changes
                ],
                "runs": [
                    {
                        **one.model_run.as_dict(),
                        "mediates": one.mediates,
                        "value": one.value,
                        "low": one.low,
                        "high": one.high,
                        "refusal": None if one.refusal is None else asdict(one.refusal),
                        "among_strongest": one.low is not None or one.refusal is not None,
                    }
                    for one in each.results
                ],
            }
            for each in histories
        ],
    }


def check_summaries(histories: Sequence[CheckSummary]) -> dict[str, Any]:
    """Return the answer of `mi-checks history show` without a check."""
    checks = [
        {"check": each.check, "model": each.model, "values": each.values, "last": _result(each.last)}
        for each in histories
    ]
    return {"behaviour": histories[0].behaviour, "checks": checks}


def _result(result: ResultInRun) -> dict[str, Any]:
    return {
        **result.model_run.as_dict(),
        "outcome": result.outcome,
        "estimate": None if result.estimate is None else _estimate(result.estimate),
        "bound": result.bound,
        "prompts_sha256": result.prompts_sha256,
    }


def _estimate(estimate: Estimate) -> dict[str, Any]:
    shown = {name: value for name, value in asdict(estimate).items() if name in ESTIMATE_FIELDS}
    return shown if estimate.refusal is None else {**shown, "low": None, "high": None}
