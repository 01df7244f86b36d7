"""Conflict markers that a merge left in a file that mi-checks wrote."""

from __future__ import annotations

import re

_MARKER = re.compile(r"^(<{7}|={7}|>{7}|\|{7})(?= |$)", re.MULTILINE)


def conflict_line(text: str) -> int | None:
    """The line of the first marker, from 1; None where there is none."""
    found = _MARKER.search(text)
    return None if found is None else text.count("\n", 0, found.start()) + 1
