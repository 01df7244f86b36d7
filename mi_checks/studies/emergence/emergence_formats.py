"""The formats of an emergence result, its JSON, and writing it to a file atomically."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from mi_checks.errors import MiChecksError, did_you_mean
from mi_checks.files import write_file
from mi_checks.output.json_text import json_text
from mi_checks.studies.emergence import emergence_page, emergence_text
from mi_checks.studies.emergence.appearance import Appearance, Bracket, method_text
from mi_checks.studies.emergence.checkpoint_series import CheckpointSeries
from mi_checks.studies.emergence.emergence_results import Emergence, RoleCurve, SeriesResult

EMERGENCE_FORMATS = ("text", "md", "json", "html")
FORMAT_BY_SUFFIX = {".html": "html", ".md": "md", ".json": "json", ".txt": "text"}


def emergence_json(emergence: Emergence) -> str:
    """Return one JSON object; it has the hash of the prompts instead of the values of single prompts."""
    return json_text(
        {
            "series": [_series_data(result) for result in emergence.series_results],
            "tests": emergence.tests,
            "method": method_text(emergence.tests),
        },
    )


def _series_data(result: SeriesResult) -> dict[str, Any]:
    series = result.series
    return {
        "model": series.model,
        "claims": series.claims,
        "checkpoints": [
            {"model": name, "label": label, "step": step}
            for name, label, step in zip(series.names, series.labels, series.steps, strict=True)
        ],
        "behaviours": [_appearance_data(each, series) for each in result.in_order],
        "roles": [_role_data(role, series) for role in result.roles],
        "order": [
            {"behaviour": each.behaviour.curve.behaviour, "role": each.role.role, "forms": each.order}
            for each in result.relations
        ],
        "unmeasured": [asdict(each) for each in result.unmeasured],
        "left_out": list(result.left_out),
    }


def _appearance_data(appearance: Appearance, series: CheckpointSeries) -> dict[str, Any]:
    curve, tests = appearance.curve, appearance.tests
    first = curve.effects[0]
    return {
        "behaviour": curve.behaviour,
        "verdict": appearance.kind,
        "appears": _bracket_data(appearance.appears, series),
        "goes": _bracket_data(appearance.disappears, series),
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


def _role_data(role: RoleCurve, series: CheckpointSeries) -> dict[str, Any]:
    return {
        "role": role.role,
        "score": role.score,
        "component": role.component,
        "at_least": role.at_least,
        "most": role.most,
        "behaviours": list(role.behaviours),
        "forms": _bracket_data(role.forms, series),
        "goes": _bracket_data(role.disappears, series),
        "checkpoints": [
            {
                "label": label,
                "node": at.node,
                "score": at.score,
                "bound": {node: at.scores[node] for node in at.nodes},
                "carries_at_end": role.is_led_by_final_node(k),
            }
            for k, (label, at) in enumerate(zip(series.labels, role.at, strict=True))
        ],
        "tracks": {node: list(scores) for node, scores in role.tracks.items()},
    }


def _bracket_data(bracket: Bracket | None, series: CheckpointSeries) -> dict[str, str | None] | None:
    """Return a bracket by labels; `after` is null if the event may have happened before the first checkpoint."""
    if bracket is None:
        return None
    return {
        "after": None if bracket.after is None else series.labels[bracket.after],
        "by": series.labels[bracket.by],
    }


def formatted(emergence: Emergence, form: str, width: int) -> str:
    """Return the document in one of `EMERGENCE_FORMATS`; `width`, in characters, applies to text only."""
    if form == "html":
        return emergence_page.render_page(emergence)
    if form == "json":
        return emergence_json(emergence)
    return "\n".join(
        emergence_text.markdown_lines(emergence) if form == "md" else emergence_text.text_lines(emergence, width)
    )


def format_of(path: Path) -> str:
    """Return the format that a file's suffix stands for.

    Raises:
        MiChecksError: the suffix stands for no format.
    """
    if path.suffix not in FORMAT_BY_SUFFIX:
        raise MiChecksError(
            f"--output {str(path)!r}: its name must end with {', '.join(FORMAT_BY_SUFFIX)}"
            f"{did_you_mean(path.suffix, FORMAT_BY_SUFFIX)}"
        )
    return FORMAT_BY_SUFFIX[path.suffix]


def write_emergence(emergence: Emergence, path: Path, width: int) -> None:
    """Write a file in the format that its suffix names; an older file is replaced once the new one is complete.

    Raises:
        MiChecksError: the file cannot be written there.
    """
    document = formatted(emergence, format_of(path), width).rstrip("\n")
    write_file(path, f"{document}\n", "the emergence", "name another file (--output)")
