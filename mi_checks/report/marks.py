"""The pytest marks of a behaviour, read from its file's text: the run does not hold them apart from it."""

from __future__ import annotations

import re

import yaml

from mi_checks.record import Evidence

_KEY = re.compile(r"^marks[ \t]*:.*(?:\n(?:[ \t#\-].*)?)*", re.MULTILINE)
LONGEST = 2000  # characters; whatever is longer is no list of marks


def marks(evidence: Evidence | None) -> tuple[str, ...]:
    """Those that the file itself gives; none where it gives none or the text cannot be read."""
    found = _KEY.search(evidence.yaml) if evidence else None
    if found is None or len(found[0]) > LONGEST:
        return ()
    try:
        data = yaml.safe_load(found[0])
    except (yaml.YAMLError, ValueError, RecursionError):
        return ()
    named = data.get("marks") if isinstance(data, dict) else None
    return tuple(each for each in named if isinstance(each, str)) if isinstance(named, list) else ()
