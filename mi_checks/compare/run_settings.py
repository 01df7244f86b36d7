"""What two runs have otherwise, before anything measured: models, libraries, settings."""

from __future__ import annotations

from collections.abc import Mapping

from mi_checks.compare.run_pairs import two_models
from mi_checks.results.run import Run

SHORT = 12  # characters of a hash that are shown


def differing_settings(before: Run, after: Run) -> tuple[tuple[str, str, str], ...]:
    """Return what differs, before and after: provenance of models, then versions, then settings."""
    between = two_models(before, after)
    found = [("model", *between)] if between else []
    shared = [between] if between else [(name, name) for name in before.models if name in after.models]
    for first, second in shared:
        name = "" if between else f"{first} "
        found += _differing(name, before.models.get(first, {}), after.models.get(second, {}))
    found += _differing("", before.versions, after.versions)
    return (*found, *_differing("", before.settings, after.settings))


def _differing(name: str, first: Mapping[str, str], second: Mapping[str, str]) -> list[tuple[str, str, str]]:
    keys = dict.fromkeys([*first, *second])
    return [
        (f"{name}{key}", *(_short(key, side.get(key, "none")) for side in (first, second)))  # type: ignore[misc]
        for key in keys
        if first.get(key) != second.get(key)
    ]


def _short(key: str, value: str) -> str:
    return value[:SHORT] if key.endswith("sha256") else value
