"""Behaviour files told from other YAML by their text alone, so that a mistake in one does not hide it."""

from __future__ import annotations

import re
from pathlib import Path

KEYS = frozenset(
    ["name", "extends", "summary", "source", "marks", "prompts", "roles", "checks", "models", "cases"]
)  # those at the top of a behaviour file
OF_BEHAVIOURS = frozenset(["prompts", "checks", "extends"])  # one of these says what the file is
LEAST = 3  # of the keys above; with a misspelt or missing key a behaviour still has as many
MAX_BYTES = 1_000_000  # read of a file

_TOP = re.compile(r"""^(["']?)([a-z]+)\1[ \t]*:(?=\s|$)""", re.MULTILINE)


def looks_like_behaviour(path: Path) -> bool:
    """Return whether a YAML file has enough of a behaviour's keys at its top, in block style."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES).decode("utf-8-sig", errors="replace")
    except OSError:
        return False
    keys = {found[2] for found in _TOP.finditer(text)} & KEYS
    return bool(keys & OF_BEHAVIOURS) and (len(keys) >= LEAST or keys >= {"name", "extends"})
