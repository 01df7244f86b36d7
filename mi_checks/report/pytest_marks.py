"""The pytest marks of a behaviour, read from its YAML text, because the run does not record them separately."""

from __future__ import annotations

import re

from mi_checks.results.evidence import Evidence
from mi_checks.spec.problems import SpecError
from mi_checks.spec.yaml_source import parse_yaml

_KEY = re.compile(r"^marks[ \t]*:.*(?:\n(?:[ \t#\-].*)?)*", re.MULTILINE)
MAX_MARKS_CHARS = 2000  # characters; longer text is not a list of marks


def marks(evidence: Evidence | None) -> tuple[str, ...]:
    """Return the marks in the behaviour's own file; empty if it has none or its text cannot be parsed."""
    match = _KEY.search(evidence.yaml) if evidence else None
    if match is None or len(match[0]) > MAX_MARKS_CHARS:
        return ()
    try:
        entries = parse_yaml(match[0], "").data["marks"]
    except SpecError:
        return ()
    return tuple(each for each in entries if isinstance(each, str)) if isinstance(entries, list) else ()
