"""Recognition of behaviour files among other YAML by their text alone, so that a file with a mistake is not ignored."""

from __future__ import annotations

import re
from pathlib import Path

# The top-level keys of a behaviour file.
BEHAVIOUR_KEYS = frozenset(
    ["name", "extends", "summary", "source", "marks", "prompts", "roles", "checks", "models", "cases"]
)
_DISTINCTIVE_KEYS = frozenset(["prompts", "checks", "extends"])  # a behaviour file has at least one of these
_MIN_KEYS = 3  # of KEYS; a behaviour with a misspelt or missing key still has this many
MAX_BYTES_READ = 1_000_000  # the part of a file that is read

_TOP = re.compile(r"""^(["']?)([a-z]+)\1[ \t]*:(?=\s|$)""", re.MULTILINE)


def looks_like_behaviour(path: Path) -> bool:
    """Return whether a YAML file has enough of a behaviour's top-level keys, in block style."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES_READ).decode("utf-8-sig", errors="replace")
    except OSError:
        return False
    keys = {match[2] for match in _TOP.finditer(text)} & BEHAVIOUR_KEYS
    return bool(keys & _DISTINCTIVE_KEYS) and (len(keys) >= _MIN_KEYS or keys >= {"name", "extends"})
