"""The pytest marks of a behaviour, read from its file's text: the run does not hold them apart from it."""

from __future__ import annotations

import re

from mi_checks.results.evidence import Evidence
from mi_checks.spec.problems import SpecError
from mi_checks.spec.yaml_source import parse_yaml

_KEY = re.compile(r"^marks[ \t]*:.*(?:\n(?:[ \t#\-].*)?)*", re.MULTILINE)
LONGEST = 2000  # characters; whatever is longer is no list of marks


def marks(evidence: Evidence | None) -> tuple[str, ...]:
    """Those that the file itself gives; none where it gives none or the text cannot be read."""
    found = _KEY.search(evidence.yaml) if evidence else None
    if found is None or len(found[0]) > LONGEST:
        return ()
    try:
        named = parse_yaml(found[0], "").data["marks"]
    except SpecError:
        return ()
    return tuple(each for each in named if isinstance(each, str)) if isinstance(named, list) else ()
