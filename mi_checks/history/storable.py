"""Conversion of a run to text that a database can store."""

from __future__ import annotations

import json
import re

from mi_checks.results.as_data import as_data
from mi_checks.results.read_run import parse_run
from mi_checks.results.run import Run

SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # a JSON escape; also matches the halves of characters beyond U+FFFF


def storable(run: Run, text: str) -> Run:
    """Return the run with `?` for lone surrogates, which SQLite cannot store.

    Args:
        run: the run.
        text: the run as JSON.
    """
    if not SURROGATE.search(text):
        return run
    legible = json.dumps(as_data(run), ensure_ascii=False).encode(errors="replace").decode()
    return parse_run(legible, "the run")
