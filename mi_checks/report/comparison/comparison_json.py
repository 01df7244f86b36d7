"""The comparison of two runs as JSON, for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mi_checks.compare.mediator_sets import MediatorChange
from mi_checks.compare.run_comparison import CheckChange, counts, method
from mi_checks.compare.run_pairs import differing_settings
from mi_checks.output.json_text import json_text
from mi_checks.results.run import CheckResult, Run


def document(
    runs: Sequence[tuple[str, Run]], changes: Sequence[CheckChange], mediators: Sequence[MediatorChange]
) -> str:
    """Return one JSON object with every check, unchanged ones included, but without the values of single prompts."""
    (_, first), (_, second) = runs
    return json_text(
        {
            "runs": [{"path": path, "started": run.started, "command": run.command} for path, run in runs],
            "otherwise": [
                {"what": w, "before": old, "after": new} for w, old, new in differing_settings(first, second)
            ],
            "counts": counts(changes),
            "changes": [_change(change) for change in changes],
            "mediators": [_set(change) for change in mediators],
            "method": method(changes),
        },
    )


def _change(change: CheckChange) -> dict[str, Any]:
    either = change.pair.either
    return {
        "behaviour": either.behaviour,
        "check": either.check,
        "kind": either.kind,
        "state": change.state,
        "before": _side(change.pair.before),
        "after": _side(change.pair.after),
        "estimate": None if change.estimate is None else asdict(change.estimate),
        "relative_size": None if change.estimate is None else change.size,
        "p_holm": change.p_value,
        "notes": list(change.notes),
        "parts": None if change.parts is None else asdict(change.parts),
        "prompts": None if change.prompts is None else asdict(change.prompts),
    }


def _set(change: MediatorChange) -> dict[str, Any]:
    heads = change.heads
    kinds = {"lost": heads.lost, "gained": heads.gained, "stayed": heads.stayed, "relative": heads.relative}
    return {
        "behaviour": change.behaviour,
        "before": change.before,
        "after": change.after,
        "effect_sizes": heads.effects and dict(zip(("before", "after"), heads.effects, strict=True)),
        **{
            kind: {
                name: {"before": then and asdict(then), "after": now and asdict(now)}
                for name, (then, now) in shares.items()
            }
            for kind, shares in kinds.items()
        },
    }


def _side(result: CheckResult | None) -> dict[str, Any] | None:
    if result is None:
        return None
    kept = ("model", "outcome", "bound", "claim", "deciding", "detail", "prompts_sha256")
    estimate = None if result.estimate is None else asdict(result.estimate)
    return {**{name: getattr(result, name) for name in kept}, "location": str(result.place), "estimate": estimate}
