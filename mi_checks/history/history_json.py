"""The answers of `mi-checks history` as JSON, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mi_checks.history.check_over_time import Course, Outline, Point
from mi_checks.history.head_over_time import Mediation
from mi_checks.history.listing import Kept
from mi_checks.history.mediation_sentence import answer
from mi_checks.results.evidence import MEDIATES


def listing(runs: Sequence[Kept]) -> dict[str, Any]:
    """Return the answer of `mi-checks history list`."""
    return {"runs": [asdict(each) for each in runs]}


def courses(found: Sequence[Course]) -> dict[str, Any]:
    """Return the answer of `mi-checks history show --check`."""
    return {
        "behaviour": found[0].behaviour,
        "checks": [
            {
                "check": each.check,
                "model": each.model,
                "runs": [_point(point) for point in each.points],
            }
            for each in found
        ],
    }


def mediations(found: Sequence[Mediation]) -> dict[str, Any]:
    """Return the answer of `mi-checks history mediators`."""
    return {
        "behaviour": found[0].behaviour,
        "node": found[0].node,
        "mediates_above": MEDIATES,
        "models": [
            {
                "model": each.model,
                "at": each.label,
                "answer": answer(each),
                "changes": [
                    {"from": before.mediates, "to": after.mediates, "before": before.at.run, "after": after.at.run}
                    for before, after in each.changes
                ],
                "runs": [
                    {
                        **one.at.plain(),
                        "mediates": one.mediates,
                        "value": one.value,
                        "low": one.low,
                        "high": one.high,
                        "among_strongest": one.low is not None,
                    }
                    for one in each.standings
                ],
            }
            for each in found
        ],
    }


def outlines(found: Sequence[Outline]) -> dict[str, Any]:
    """Return the answer of `mi-checks history show` without a check."""
    checks = [
        {"check": each.check, "model": each.model, "values": each.values, "last": _point(each.last)} for each in found
    ]
    return {"behaviour": found[0].behaviour, "checks": checks}


def _point(point: Point) -> dict[str, Any]:
    return {
        **point.at.plain(),
        "outcome": point.outcome,
        "estimate": None if point.estimate is None else _without_method(asdict(point.estimate)),
        "bound": point.bound,
        "prompts_sha256": point.prompts_sha256,
    }


def _without_method(estimate: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in estimate.items() if name in ("value", "low", "high", "n", "unit")}
