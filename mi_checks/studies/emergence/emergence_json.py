"""The measurements, tests and conclusions about emergence as JSON, for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from mi_checks.output.json_text import json_text
from mi_checks.studies.emergence.appearance import Appearance
from mi_checks.studies.emergence.bracket import Bracket
from mi_checks.studies.emergence.checkpoint_series import Series
from mi_checks.studies.emergence.effect_curve import method
from mi_checks.studies.emergence.findings import Emergence, Trained
from mi_checks.studies.emergence.role_curve import RoleCurve


def document(emergence: Emergence) -> str:
    """Return one JSON object; it has the hash of the prompts instead of the values of single prompts."""
    return json_text(
        {
            "series": [_trained(trained) for trained in emergence.trained],
            "tests": emergence.tests,
            "method": method(emergence.tests),
        },
    )


def _trained(trained: Trained) -> dict[str, Any]:
    series = trained.series
    return {
        "model": series.model,
        "claims": series.claims,
        "checkpoints": [
            {"model": name, "label": label, "step": step}
            for name, label, step in zip(series.names, series.labels, series.steps, strict=True)
        ],
        "behaviours": [_appearance(each, series) for each in trained.in_order],
        "roles": [_role(role, series) for role in trained.roles],
        "order": [
            {"behaviour": each.behaviour.curve.behaviour, "role": each.role.role, "forms": each.order}
            for each in trained.relations
        ],
        "unmeasured": [asdict(each) for each in trained.unmeasured],
        "left_out": list(trained.left_out),
    }


def _appearance(appearance: Appearance, series: Series) -> dict[str, Any]:
    curve, tests = appearance.curve, appearance.tests
    first = curve.effects[0]
    return {
        "behaviour": curve.behaviour,
        "verdict": appearance.kind,
        "appears": _bracket(appearance.appears, series),
        "goes": _bracket(appearance.goes, series),
        "reason": appearance.reason or None,
        "against": first.against,
        "prompts_sha256": first.prompts_sha256,
        "declared": first.declared,
        "checkpoints": [
            {
                "label": label,
                "estimate": asdict(effect.estimate),
                "ability": effect.ability,
                "p_holm": {"zero": tests.zero[k], "first": tests.first[k], "last": tests.last[k]},
            }
            for k, (label, effect) in enumerate(zip(series.labels, curve.effects, strict=True))
        ],
    }


def _role(role: RoleCurve, series: Series) -> dict[str, Any]:
    return {
        "role": role.role,
        "score": role.score,
        "component": role.component,
        "at_least": role.at_least,
        "most": role.most,
        "behaviours": list(role.behaviours),
        "forms": _bracket(role.forms, series),
        "goes": _bracket(role.goes, series),
        "checkpoints": [
            {
                "label": label,
                "node": at.node,
                "score": at.score,
                "bound": {node: at.scores[node] for node in at.nodes},
                "carries_at_end": role.by_carrier(k),
            }
            for k, (label, at) in enumerate(zip(series.labels, role.at, strict=True))
        ],
        "tracks": {node: list(scores) for node, scores in role.tracks.items()},
    }


def _bracket(bracket: Bracket | None, series: Series) -> dict[str, str | None] | None:
    """Return a bracket by labels; `after` is null if the event may have happened before the first checkpoint."""
    if bracket is None:
        return None
    return {
        "after": None if bracket.after is None else series.labels[bracket.after],
        "by": series.labels[bracket.by],
    }
