"""A run as a database can keep it."""

from __future__ import annotations

import json
import re

from mi_checks.results.as_data import as_data
from mi_checks.results.read_run import parse_run
from mi_checks.results.run import Run

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON writes it, and half of what lies beyond U+FFFF as well


def storable(run: Run, text: str) -> Run:
    """The run, with `?` for lone surrogates, which SQLite takes in no text; `text` is the run as JSON."""
    if not SURROGATE.search(text):
        return run
    legible = json.dumps(as_data(run), ensure_ascii=False).encode(errors="replace").decode()
    return parse_run(legible, "the run")
